import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { unprotectGolden } from '../../../src/storage/protectGolden.js';
import { until } from '../../support/until.js';
import { ensureBuilt } from './build.js';
import { freePorts, type Ports } from './ports.js';
import { launch, postgresOf, type Server } from './server.js';
import { ensureStandIns, STUB } from './standIns.js';

export const docker = new Docker({ socketPath: '/var/run/docker.sock' });

export interface Deployment {
  /** For files of the test; the storage is in it. */
  folder: string;
  storage: string;
  ports: Ports;
  network: string;
  /** Every setting that its servers get. */
  env: Record<string, string>;
  /** Starts a server of it, without waiting. A setting that is given as '' counts as unset. */
  launch: (changes?: Record<string, string>, as?: string[]) => Server;
  /** Starts a server of it and waits until everything works. */
  start: (changes?: Record<string, string>) => Promise<Server>;
  /** Names of the containers that carry its label. */
  containers: () => Promise<string[]>;
  /** Everything on the engine that is its own goes, and its files. */
  remove: () => Promise<void>;
}

/** One installation of vapiorc: folder, ports and network of its own, guests of the stub image unless told otherwise. */
export async function aDeployment(changes: Record<string, string> = {}): Promise<Deployment> {
  await Promise.all([ensureBuilt(), ensureStandIns()]);
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-system-'));
  await chmod(folder, 0o755); // else the embedded Postgres, which is not root, would be kept elsewhere
  const ports = await freePorts();
  const storage = join(folder, 'storage');
  const network = `vapiorc_system_${randomBytes(4).toString('hex')}`;
  const env = {
    VAPIORC_STORAGE_PATH: storage,
    VAPIORC_PORT: String(ports.api),
    VAPIORC_GUEST_PORT: String(ports.guest),
    VAPIORC_PORT_START: String(ports.start),
    VAPIORC_PORT_END: String(ports.end),
    VAPIORC_NETWORK: network,
    VAPIORC_IMAGE: STUB,
    VAPIORC_KVM: 'off',
    VAPIORC_CAPACITY_CHECK: 'off',
    ...changes,
  };
  const servers: Server[] = [];

  const deployment: Deployment = {
    folder,
    storage,
    ports,
    network,
    env,
    launch(more = {}, as = []) {
      const all: Record<string, string> = { ...env, ...more };
      const server = launch({ env: all, port: Number(all.VAPIORC_PORT), as });
      servers.push(server);
      return server;
    },
    async start(more) {
      const server = deployment.launch(more);
      await server.banner();
      return server;
    },
    async containers() {
      return (await listed(storage)).map(({ Names }) => Names[0]?.slice(1) ?? '');
    },
    async remove() {
      for (const server of servers) await server.kill();
      for (const pid of await postgresOf(storage)) quit(pid);
      await until('its Postgres has ended', async () => (await postgresOf(storage)).length === 0);
      await removeMachines(storage);
      await removeNetwork(network);
      await removeFiles(folder, storage);
    },
  };
  return deployment;
}

/** The containers with the label of the deployment whose storage this is. */
async function listed(storage: string) {
  const name = (await readFile(join(storage, 'deployment'), 'utf8').catch(() => '')).trim();
  if (name === '') return [];
  return docker.listContainers({ all: true, filters: { label: [`vapiorc.deployment=${name}`] } });
}

export async function removeMachines(storage: string): Promise<void> {
  for (const { Id } of await listed(storage)) await docker.getContainer(Id).remove({ force: true, v: true });
}

export async function removeNetwork(name: string): Promise<void> {
  await docker
    .getNetwork(name)
    .remove()
    .catch((err: { statusCode?: number }) => {
      if (err.statusCode !== 404) throw err;
    });
}

export async function removeFiles(folder: string, storage: string): Promise<void> {
  const goldens = join(storage, 'golden');
  for (const id of await readdir(goldens).catch(() => [])) await unprotectGolden(join(goldens, id));
  await rm(folder, { recursive: true, force: true });
}

function quit(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It has ended meanwhile.
  }
}
