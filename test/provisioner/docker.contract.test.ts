import { rm } from 'node:fs/promises';
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
