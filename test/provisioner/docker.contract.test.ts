import { rm } from 'node:fs/promises';
import { describeProvisioner } from '../provisioner.contract.js';
import { until } from '../support/until.js';
import { aDockerHost, docker } from './aDockerHost.js';

describeProvisioner('docker', async () => {
  const host = await aDockerHost();
  return {
    ...host,
    async installed(id) {
      await until(
        'the installation is done',
        async () => (await host.ask({ kind: 'golden', id }, 'read .stage')) === 'ok complete',
        30_000,
      );
    },
    crash: ({ kind, id }) => docker.getContainer(`vapiorc_${kind}_${id}`).kill(),
    async befall({ kind, id }, misfortune, on) {
      const name = `vapiorc_${kind}_${id}`;
      const network = docker.getNetwork(host.settings.network);
      if (misfortune === 'paused') await docker.getContainer(name)[on ? 'pause' : 'unpause']();
      else if (on) await network.disconnect({ Container: name, Force: true });
      else await network.connect({ Container: name });
    },
    loseDisk: ({ id }) => rm(host.storage.layout.vm(id), { recursive: true }),
  };
});
