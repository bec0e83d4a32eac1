import { describeProvisioner } from '../provisioner.contract.js';
import { aDockerHost, docker } from './aDockerHost.js';
import { until } from './until.js';

describeProvisioner('docker', async () => {
  const host = await aDockerHost();
  return {
    ...host,
    async installed(id) {
      await until(
        'the installation is done',
        30_000,
        async () => (await host.ask({ kind: 'golden', id }, 'read .stage')) === 'ok complete',
      );
    },
    crash: ({ kind, id }) => docker.getContainer(`vapiorc_${kind}_${id}`).kill(),
  };
});
