import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { createLog } from '../../src/log.js';
import {
  createDockerProvisioner,
  type DockerOptions,
  type DockerProvisioner,
} from '../../src/provisioner/docker/docker.js';
import type { DockerSettings } from '../../src/provisioner/docker/settings.js';
import type { Builder, CloneSpec, InstallSpec, MachineRef } from '../../src/provisioner/provisioner.js';
import { unprotectGolden } from '../../src/storage/protectGolden.js';
import { createStorage, type Storage } from '../../src/storage/storage.js';
import { buildStandIns, STUB_TAG } from '../standin/buildStandIns.js';
import { alone } from '../support/alone.js';
import { until } from '../support/until.js';
import { freePort } from './freePort.js';
import { guestCommand } from './guestCommand.js';

export const STUB = STUB_TAG;
export const docker = new Docker({ socketPath: '/var/run/docker.sock' });

type LeadingDockerProvisioner = DockerProvisioner & Builder;

export interface DockerHost {
  provisioner: LeadingDockerProvisioner;
  storage: Storage;
  settings: DockerSettings;
  deployment: string;
  path: string;
  /** Another process of the same server, or of one that is configured otherwise. */
  another: (changes?: Partial<DockerSettings>, options?: Partial<DockerOptions>) => LeadingDockerProvisioner;
  installSpec: () => Promise<InstallSpec>;
  cloneSpec: (goldenImageId: string) => Promise<CloneSpec>;
  /** Address of a machine's container. */
  addressOf: (ref: MachineRef) => Promise<string>;
  /** Waits until the guest answers. */
  ask: (ref: MachineRef, command: string, limitMs?: number) => Promise<string>;
  /** An image that was installed and sealed. */
  aGolden: (limitMs?: number) => Promise<string>;
  /** Everything on the engine that carries our label. */
  ours: () => Promise<string[]>;
  remove: () => Promise<void>;
}

/** The addresses of this host at which guests call in: in the VMs' network, and in Docker's default one for those in user mode. */
export async function doorsOf(provisioner: DockerProvisioner) {
  const { doors } = await provisioner.guestWays();
  const user = doors.find(({ which }) => which === 'in user-mode networking');
  return { nat: doors.find((door) => door !== user)?.address, user: user?.address, userProblem: user?.problem };
}

/** A Docker provisioner on the real engine, with a deployment, a storage and a network of its own. */
export async function aDockerHost(changes: Partial<DockerSettings> = {}): Promise<DockerHost> {
  await buildStandIns();
  const path = await mkdtemp(join(tmpdir(), 'vapiorc-docker-'));
  const deployment = `test-${randomUUID().slice(0, 8)}`;
  const log = createLog('silent');
  const settings: DockerSettings = {
    dockerSocket: '/var/run/docker.sock',
    dockerHostLoses: false,
    image: STUB,
    kvm: false,
    network: `vapiorc_${deployment}`,
    networkMode: 'nat',
    qemuAgent: false,
    publishAddress: '127.0.0.1',
    publicHost: 'localhost',
    guestPort: 9,
    ports: { start: 8001, end: 8100 },
    hostStoragePath: undefined,
    stopTimeoutSeconds: 120,
    parallelStarts: 4,
    capacityCheck: false,
    ...changes,
  };
  const storage = createStorage({ path, deployment, log });
  const another: DockerHost['another'] = (other, options) =>
    alone(
      createDockerProvisioner({
        settings: { ...settings, ...other },
        deployment,
        storage: createStorage({ path, deployment, log }),
        log,
        ...options,
      }),
    );
  const provisioner = another({}, { storage });
  const machine = { vmType: '11', language: 'English', cpuCores: 1, ramMiB: 2048, diskGiB: 64, token: 'a token' };
  const labelled = { all: true, filters: { label: [`vapiorc.deployment=${deployment}`] } };

  const host: DockerHost = {
    provisioner,
    storage,
    settings,
    deployment,
    path,
    another,
    installSpec: async () => ({
      id: randomUUID(),
      isoUrl: null,
      oemBundle: null,
      endpoint: String(await freePort()),
      ...machine,
    }),
    cloneSpec: async (goldenImageId) => ({
      id: randomUUID(),
      goldenImageId,
      containerImage: settings.image,
      endpoint: String(await freePort()),
      ...machine,
    }),
    async addressOf({ kind, id }) {
      const { NetworkSettings } = await docker.getContainer(`vapiorc_${kind}_${id}`).inspect();
      return NetworkSettings.Networks[settings.network]?.IPAddress ?? '';
    },
    ask(ref, command, limitMs = 20_000) {
      // Its address may still be to come.
      const answer = async () => guestCommand(await host.addressOf(ref), command);
      return until(`${ref.kind} answers "${command}"`, answer, limitMs);
    },
    async aGolden(limitMs = 60_000) {
      const spec = await host.installSpec();
      await provisioner.install(spec, () => {});
      const ref: MachineRef = { kind: 'golden', id: spec.id };
      await until(
        'the installation is done',
        async () => (await host.ask(ref, 'read .stage', limitMs)) === 'ok complete',
        limitMs,
      );
      await provisioner.seal(spec.id);
      return spec.id;
    },
    async ours() {
      return (await docker.listContainers(labelled)).map(({ Names }) => Names[0] ?? '');
    },
    async remove() {
      for (const { Id } of await docker.listContainers(labelled))
        await docker.getContainer(Id).remove({ force: true, v: true });
      await provisioner.close();
      await docker
        .getNetwork(settings.network)
        .remove()
        .catch(() => {});
      for (const id of await readdir(storage.layout.goldens).catch(() => []))
        await unprotectGolden(storage.layout.golden(id));
      await rm(path, { recursive: true, force: true });
    },
  };
  return host;
}
