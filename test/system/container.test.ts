import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { docker, removeFiles, removeMachines, removeNetwork } from './support/deployment.js';
import { guestAnswers } from './support/guest.js';
import { freePorts, type Ports } from './support/ports.js';
import { buildServerImage, runServer, type ServerContainer } from './support/serverContainer.js';
import { ensureStandIns, STUB } from './support/standIns.js';

const HOST_FOLDERS = '/var/tmp/vapiorc test';

let name: string;
let ports: Ports;
let env: Record<string, string>;
let servers: ServerContainer[];

beforeAll(async () => {
  await ensureStandIns();
  await buildServerImage();
}, 900_000);

// Unless another run uses it.
afterAll(() => rmdir(HOST_FOLDERS).catch(() => {}));

beforeEach(async () => {
  name = `vapiorc_system_${randomBytes(4).toString('hex')}`;
  ports = await freePorts();
  env = {
    VAPIORC_GUEST_PORT: String(ports.guest),
    VAPIORC_PORT_START: String(ports.start),
    VAPIORC_PORT_END: String(ports.end),
    VAPIORC_NETWORK: name,
    VAPIORC_IMAGE: STUB,
    VAPIORC_KVM: 'off',
    VAPIORC_CAPACITY_CHECK: 'off',
    VAPIORC_HOT_SPARES: '1',
  };
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.remove().catch(() => {});
});

async function start(over: {
  env?: Record<string, string>;
  volumes: string[];
  network?: string;
}): Promise<ServerContainer> {
  const server = await runServer({ network: 'host', port: ports.api, ...over, env: { ...env, ...over.env } });
  servers.push(server);
  return server;
}

/** A folder on the Docker host, at a path that no guess would come up with. */
async function aHostFolder(): Promise<string> {
  await mkdir(HOST_FOLDERS, { recursive: true });
  const folder = join(await mkdtemp(join(HOST_FOLDERS, 'ünïcode-')), 'data');
  await mkdir(folder);
  return folder;
}

/** A named volume; with its place on the Docker host. */
async function aVolume(): Promise<string> {
  await docker.createVolume({ Name: name });
  return (await docker.getVolume(name).inspect()).Mountpoint;
}

async function removeAll(storage: string): Promise<void> {
  for (const server of servers) await server.remove().catch(() => {});
  await removeMachines(storage);
  await removeNetwork(name);
}

/** What is bound into a VM's container: path in it → path on the Docker host. */
async function mountsOf(vm: api.Vm): Promise<Record<string, string>> {
  const { Mounts } = await docker.getContainer(`vapiorc_vm_${vm.instanceId}`).inspect();
  return Object.fromEntries(Mounts.map(({ Destination, Source }) => [Destination, Source]));
}

/** An image and a clone of it whose files are the right ones, wherever the host has them. */
async function expectRightFiles(server: ServerContainer, onHost: string): Promise<api.Vm> {
  const { id, imageId } = await api.createImage(server);
  await api.imageReady(server, id);
  await api.sparesReady(server, 1);
  const vm = (await api.assignVm(server, { assignedTo: 'the test' })).vm as api.Vm;
  expect(await mountsOf(vm)).toEqual({
    '/golden': join(onHost, 'golden', imageId),
    '/storage': join(onHost, 'vms', vm.instanceId, 'storage'),
    '/shared': join(onHost, 'vms', vm.instanceId, 'shared'),
  });
  const guest = `vapiorc_vm_${vm.instanceId}`;
  // Written by the installation on the golden disk, and on nothing else.
  expect(await guestAnswers(guest, 'read .installbat')).toBe('ok ran');
  return vm;
}

test('with its storage on a folder of the host, it finds out the folder’s path there; a new container carries on', {
  timeout: 180_000,
}, async () => {
  const folder = await aHostFolder();
  const volumes = [`${folder}:/data`];
  try {
    const first = await start({ volumes, env: { VAPIORC_STORAGE_PATH: '/data' } });
    const { HostConfig } = await docker.getContainer(first.id).inspect();
    expect(HostConfig.Privileged).toBe(false);
    const vm = await expectRightFiles(first, folder);
    await until('its health check is content', () => first.isHealthy(), 60_000);
    expect((await api.health(first)).body).toMatchObject({ status: 'ok', guests: { status: 'ok' } });
    expect(await first.stop()).toBe(0);

    const second = await start({ volumes, env: { VAPIORC_STORAGE_PATH: '/data' } });
    expect(await api.getVm(second, vm.id)).toMatchObject({ status: 'ASSIGNED', containerId: vm.containerId });
    await api.setPool(second, { hotSpares: 0 });
    await api.releaseVm(second, vm.id);
    await api.goneVm(second, vm.id);
    await until('the spare is gone', async () => (await api.getPool(second))?.counts.live === 0);
    expect(await readdir(join(folder, 'vms'))).toEqual([]);
    expect(await second.stop()).toBe(0);
  } finally {
    await removeAll(folder);
    await removeFiles(dirname(folder), folder);
  }
});

test('with its storage on a named volume it finds out the volume’s place on the host', {
  timeout: 120_000,
}, async () => {
  const storage = await aVolume();
  try {
    const server = await start({ volumes: [`${name}:/var/lib/vapiorc`] });
    await expectRightFiles(server, storage);
    expect(await server.stop()).toBe(0);
  } finally {
    await removeAll(storage);
    await docker.getVolume(name).remove();
  }
});

test('with its storage on a folder that only root may enter, a new container still finds the database of the old one', {
  timeout: 120_000,
}, async () => {
  const folder = await aHostFolder();
  await chmod(folder, 0o700);
  const options = { volumes: [`${folder}:/data`], env: { VAPIORC_STORAGE_PATH: '/data', VAPIORC_HOT_SPARES: '0' } };
  try {
    const first = await start(options);
    const { id } = await api.createImage(first);
    await api.imageReady(first, id);
    expect(await first.stop()).toBe(0);

    const second = await start(options);
    expect(await api.getImage(second, id)).toMatchObject({ status: 'READY', current: true });
    expect((await api.health(second)).body.storage.status).toBe('ok');
    expect(await second.stop()).toBe(0);
  } finally {
    await removeAll(folder);
    await removeFiles(dirname(folder), folder);
  }
});

test('a wrong VAPIORC_HOST_STORAGE_PATH is refused with both paths and the fix, and nothing is made', {
  timeout: 60_000,
}, async () => {
  const folder = await aHostFolder();
  const wrong = await mkdtemp(join(HOST_FOLDERS, 'other-'));
  try {
    for (const path of [wrong, '/nowhere/on this host']) {
      const server = await start({
        volumes: [`${folder}:/data`],
        env: { VAPIORC_STORAGE_PATH: '/data', VAPIORC_HOST_STORAGE_PATH: path },
      });
      const report = (await api.health(server)).body;
      expect(report.storage.status).toBe('down');
      expect(report.storage.message).toContain(`the storage /data is not ${path} on the Docker host`);
      expect(report.storage.message).toContain('VAPIORC_HOST_STORAGE_PATH');
      expect(await api.tryCreateImage(server)).toMatchObject({
        __typename: 'Unavailable',
        message: expect.stringContaining(`the storage /data is not ${path} on the Docker host`),
        fix: expect.stringContaining('VAPIORC_HOST_STORAGE_PATH'),
      });
      for (const top of ['golden', 'installs', 'vms']) expect(await readdir(join(folder, top))).toEqual([]);
      expect(await readdir(wrong)).toEqual([]);
      await server.stop();
    }
  } finally {
    await removeAll(folder);
    await removeFiles(dirname(folder), folder);
    await rm(wrong, { recursive: true });
  }
});

test('in a network of Docker’s, out of the guests’ reach, its health says so and how to mend it', {
  timeout: 60_000,
}, async () => {
  const storage = await aVolume();
  try {
    const server = await start({
      volumes: [`${name}:/var/lib/vapiorc`],
      network: 'bridge',
      env: { VAPIORC_HOST: '0.0.0.0' },
    });
    const report = await until('it knows about its guests', async () => {
      const { body } = await api.health(server);
      return !/not open yet/.test(body.guests.message) && body;
    });
    expect(report).toMatchObject({ status: 'degraded', guests: { status: 'degraded' } });
    expect(report.guests.message).toMatch(/guests cannot call in: .*host networking.*docker-compose\.yml/);
    expect(await server.stop()).toBe(0);
  } finally {
    await removeAll(storage);
    await docker.getVolume(name).remove();
  }
});
