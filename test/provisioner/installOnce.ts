/** Runs in a container, as a server does there: installs once with what stands in the environment and prints what came of it. */
import { createLog } from '../../src/log.js';
import { createDockerProvisioner } from '../../src/provisioner/docker/docker.js';
import { createStorage } from '../../src/storage/storage.js';
import { ALONE } from '../support/alone.js';

const { settings, deployment, path, spec } = JSON.parse(process.env.VAPIORC_TEST ?? '');
const log = createLog('silent');
const storage = createStorage({ path, deployment, log });
const provisioner = createDockerProvisioner({ settings, deployment, storage, log });
const answer = await provisioner.lead(ALONE).install(spec, () => {});
const { storage: health } = await provisioner.health();
await provisioner.close();
process.stdout.write(
  JSON.stringify(
    'engineId' in answer
      ? { ...answer, health }
      : { refused: answer, message: 'message' in answer && answer.message, health },
  ),
);
