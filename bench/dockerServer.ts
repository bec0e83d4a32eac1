import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildStandIns } from '../test/standin/buildStandIns.js';
import * as api from '../test/system/support/api.js';
import { docker, removeFiles, removeMachines, removeNetwork } from '../test/system/support/deployment.js';
import { freePorts } from '../test/system/support/ports.js';
import type { Kit } from './kit.js';
import { type Server, startServer } from './server.js';

/** QEMU emulates the guest's processor. */
const BOOT_LIMIT_MS = 240_000;

/** A server process with containers of a stand-in for machines, and one VM of it that was assigned. */
export interface DockerServer {
  server: Server;
  vm: api.Vm;
  /** The folders of its golden image and of the VM. */
  golden: string;
  folder: string;
  /** Ends it, and removes every container, network and file of it. */
  stop(): Promise<void>;
}

export async function startDockerServer(kit: Kit, name: string, standIn: 'stub' | 'qemu'): Promise<DockerServer> {
  await docker.ping().catch((cause) => {
    throw new Error('this benchmark needs a Docker Engine at /var/run/docker.sock, which does not answer', { cause });
  });
  kit.say('building the stand-ins of the guest image, unless they are there');
  const images = await buildStandIns();
  const ports = await freePorts();
  const root = join(kit.folder, name);
  const storage = join(root, 'storage');
  await mkdir(storage, { recursive: true });
  const network = `vapiorc_bench_${randomBytes(4).toString('hex')}`;
  const database = await kit.database(name);
  const remove = kit.opened(`machines of ${name}`, async () => {
    await removeMachines(storage);
    await removeNetwork(network);
    await removeFiles(root, storage);
  });
  const server = await startServer(kit, database, {
    VAPIORC_PROVISIONER: 'docker',
    VAPIORC_IMAGE: images[standIn],
    VAPIORC_STORAGE_PATH: storage,
    VAPIORC_GUEST_PORT: String(ports.guest),
    VAPIORC_PORT_START: String(ports.start),
    VAPIORC_PORT_END: String(ports.end),
    VAPIORC_NETWORK: network,
    VAPIORC_KVM: 'off',
    VAPIORC_CAPACITY_CHECK: 'off',
    VAPIORC_HOT_SPARES: '0',
  });
  kit.say('installing a golden image, and booting a VM of it');
  const image = await api.createImage(server);
  await api.imageReady(server, image.id, BOOT_LIMIT_MS);
  await api.setPool(server, { hotSpares: 1 });
  await api.sparesReady(server, 1, BOOT_LIMIT_MS);
  // Else another one would boot while something is measured.
  await api.setPool(server, { hotSpares: 0, maxVms: 1 });
  const { vm } = await api.assignVm(server, { assignedTo: 'benchmark', waitSeconds: 25 });
  if (vm === null) throw new Error('there was no VM to assign');
  return {
    server,
    vm,
    golden: join(storage, 'golden', image.imageId),
    folder: join(storage, 'vms', vm.instanceId),
    stop: async () => {
      await server.stop();
      await remove();
    },
  };
}
