import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { dial } from '../../src/provisioner/dial.js';
import { answersRdp } from '../../src/provisioner/docker/guest/rdpProbe.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment, docker } from './support/deployment.js';
import { follow, followEvents } from './support/follow.js';
import { guestAnswers } from './support/guest.js';
import { QEMU } from './support/standIns.js';

let deployment: Deployment | undefined;
afterEach(() => deployment?.remove());

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test('from an empty folder to a released VM: every step is told in order, what is handed out answers, and no trace stays', {
  timeout: 180_000,
}, async () => {
  deployment = await aDeployment();
  const { storage, ports } = deployment;
  const server = await deployment.start();
  const events = await followEvents(server);

  const { id, imageId } = await api.createImage(server);
  const progress = await follow<api.Image>(
    server,
    'subscription($id: ID!) { goldenImageProgress(id: $id) { status phase progress message } }',
    { id },
  );
  await progress.until('the image is told to be READY', ({ status }) => status === 'READY', 60_000);
  const statuses = progress.told.map(({ status }) => status).filter((status, at, all) => status !== all[at - 1]);
  expect(statuses.slice(-3)).toEqual(['INSTALLING', 'SEALING', 'READY']);
  expect(progress.told.some(({ phase }) => phase !== null)).toBe(true);
  await progress.stop();

  const spares = await api.sparesReady(server, 2);
  const vms = spares.map(({ instanceId }) => instanceId);
  const kindsOf = (what: 'vmId' | 'goldenImageId', which: string) =>
    events.told.filter((event) => event[what] === which).map(({ kind }) => kind);
  expect(kindsOf('goldenImageId', imageId).filter((kind) => /^GOLDEN_IMAGE_(?!PROGRESS)/.test(kind))).toEqual([
    'GOLDEN_IMAGE_REQUESTED',
    'GOLDEN_IMAGE_INSTALLING',
    'GOLDEN_IMAGE_SEALING',
    'GOLDEN_IMAGE_READY',
  ]);
  const byGuest = events.told.find(({ kind }) => kind === 'GOLDEN_IMAGE_SEALING');
  expect(byGuest?.actor).toBe('guest');
  for (const vm of vms) {
    await events.until('the spare is told to be ready', (event) => event.vmId === vm && event.kind === 'VM_READY');
    expect(kindsOf('vmId', vm)).toEqual(['VM_REQUESTED', 'VM_BOOTING', 'VM_READY']);
  }

  const assigned = await api.assignVm(server, { assignedTo: 'task_1' });
  expect(assigned).toMatchObject({ status: 'FULFILLED', vm: { assignedTo: 'task_1', status: 'ASSIGNED' } });
  const vm = assigned.vm as api.Vm;
  expect(vms).toContain(vm.instanceId);
  expect(vm.rdpPort).toBe((vm.port ?? 0) + 1000);
  expect(vm.port).toBeGreaterThanOrEqual(ports.start);
  expect(vm.port).toBeLessThanOrEqual(ports.end);
  expect(vm.novncUrl).toBe(`http://localhost:${vm.port}`);
  const screen = (origin?: string) => fetch(`http://127.0.0.1:${vm.port}/`, origin ? { headers: { origin } } : {});
  await until('the screen is shown', async () => (await screen().catch(() => undefined))?.ok === true);
  expect((await screen('http://evil.example')).status).toBe(403);
  expect(await answersRdp(() => dial('127.0.0.1', vm.rdpPort ?? 0))).toBe(true);
  const container = await docker.getContainer(vm.containerId ?? '').inspect();
  expect(container.Name).toBe(`/vapiorc_vm_${vm.instanceId}`);
  expect(container.HostConfig.Privileged).toBe(false);
  // What the image shows asks nobody who they are: only this server reaches it.
  expect(Object.keys(container.NetworkSettings.Ports).filter((port) => container.NetworkSettings.Ports[port])).toEqual([
    '3389/tcp',
    '3389/udp',
  ]);

  await api.releaseVm(server, vm.id);
  await api.goneVm(server, vm.id);
  await events.until(
    'the end of the VM is told',
    (event) => event.vmId === vm.instanceId && event.kind === 'VM_DESTROYED',
  );
  expect(kindsOf('vmId', vm.instanceId)).toEqual([
    'VM_REQUESTED',
    'VM_BOOTING',
    'VM_READY',
    'VM_ASSIGNED',
    'VM_RELEASING',
    'VM_DESTROYED',
  ]);
  expect(await deployment.containers()).not.toContain(`vapiorc_vm_${vm.instanceId}`);
  await expect(docker.getContainer(vm.containerId ?? '').inspect()).rejects.toMatchObject({ statusCode: 404 });
  for (const { Name } of container.Mounts.filter(({ Type }) => Type === 'volume'))
    await expect(docker.getVolume(Name ?? '').inspect()).rejects.toMatchObject({ statusCode: 404 });
  expect(await isThere(join(storage, 'vms', vm.instanceId))).toBe(false);
  expect(await isThere(`/proc/${container.State.Pid}`)).toBe(false);
  await until('nothing is at its web port', () =>
    screen().then(
      () => false,
      () => true,
    ),
  );

  const refilled = await api.sparesReady(server, 2);
  expect(refilled.map(({ instanceId }) => instanceId)).not.toContain(vm.instanceId);
  expect(await deployment.containers()).toHaveLength(2);

  await api.retireImage(server, id);
  await until('the spares of the retired image are gone', async () => (await api.getPool(server))?.counts.live === 0);
  await api.deleteImage(server, id);
  await until('the files of the image are gone', async () => !(await isThere(join(storage, 'golden', imageId))));
  await until('nothing is left', async () => (await deployment?.containers())?.length === 0);
  for (const folder of ['golden', 'installs', 'vms', 'trash'])
    await until(`${folder} is empty`, async () => (await readdir(join(storage, folder))).length === 0);

  const cursors = events.told.map(({ cursor }) => BigInt(cursor));
  expect(cursors).toEqual([...new Set(cursors)].toSorted((a, b) => (a < b ? -1 : 1)));
  await events.stop();
  await server.stop();
});

test('the same with real QEMU guests: two clones read what the image has, and neither sees what the other wrote', {
  timeout: 400_000,
}, async () => {
  deployment = await aDeployment({ VAPIORC_IMAGE: QEMU, VAPIORC_PARALLEL_STARTS: '2' });
  const server = await deployment.start();
  const { id } = await api.createImage(server);
  const limitMs = 150_000; // QEMU emulates the processor here
  await api.imageReady(server, id, limitMs);

  await api.sparesReady(server, 2, limitMs);
  const first = (await api.assignVm(server, { assignedTo: 'first' })).vm as api.Vm;
  const second = (await api.assignVm(server, { assignedTo: 'second' })).vm as api.Vm;
  await api.setPool(server, { hotSpares: 0 });
  const [one, two] = [first, second].map(({ instanceId }) => `vapiorc_vm_${instanceId}`) as [string, string];
  // What the installation wrote on the golden disk.
  for (const name of [one, two])
    expect(await until(`${name} answers`, () => guestAnswers(name, 'read .installbat'))).toBe('ok ran');
  expect(await guestAnswers(one, 'write mine one')).toBe('ok');
  expect(await guestAnswers(one, 'write .installbat changed')).toBe('ok');
  expect(await guestAnswers(one, 'read mine')).toBe('ok one');
  expect(await guestAnswers(two, 'read mine')).toBe('missing');
  expect(await guestAnswers(two, 'read .installbat')).toBe('ok ran');
  for (const { rdpPort } of [first, second])
    await until('RDP answers', () => answersRdp(() => dial('127.0.0.1', rdpPort ?? 0)), limitMs);

  for (const vm of [first, second]) await api.releaseVm(server, vm.id);
  for (const vm of [first, second]) await api.goneVm(server, vm.id);
  await until('no guest is left', async () => (await deployment?.containers())?.length === 0);
  expect(await readdir(join(deployment.storage, 'vms'))).toEqual([]);
  await server.stop();
});
