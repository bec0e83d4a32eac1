import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { followEvents } from './support/follow.js';
import { guestAnswers } from './support/guest.js';
import type { Server } from './support/server.js';

let deployment: Deployment;
beforeEach(async () => {
  deployment = await aDeployment();
});
afterEach(() => deployment?.remove());

/** What a deployment in peace has: a container and a folder for each live VM, and nothing else. */
async function expectNothingLeaked(server: Server): Promise<void> {
  const { nodes } = (
    await api.ask<{ vms: { nodes: { instanceId: string; cleanedAt: string | null }[] } }>(
      server,
      '{ vms(first: 100) { nodes { instanceId cleanedAt } } }',
    )
  ).vms;
  const live = nodes.filter(({ cleanedAt }) => cleanedAt === null).map(({ instanceId }) => instanceId);
  expect((await deployment.containers()).toSorted()).toEqual(live.map((id) => `vapiorc_vm_${id}`).toSorted());
  expect((await readdir(join(deployment.storage, 'vms'))).toSorted()).toEqual(live.toSorted());
  for (const folder of ['installs', 'trash']) expect(await readdir(join(deployment.storage, folder))).toEqual([]);
}

test('killed while an image installs, while spares boot and while a VM is released, it carries on: nothing doubled, nothing leaked', {
  timeout: 240_000,
}, async () => {
  let server = await deployment.start();
  const restart = async () => {
    await server.kill();
    server = await deployment.start();
  };

  const { id } = await api.createImage(server);
  await until('the image installs', async () => (await api.getImage(server, id)).status === 'INSTALLING');
  await restart();
  await api.imageReady(server, id);
  expect(
    (await api.ask<{ goldenImages: { nodes: object[] } }>(server, '{ goldenImages { nodes { id } } }')).goldenImages
      .nodes,
  ).toHaveLength(1);

  await until('a spare starts', async () =>
    (await deployment.containers()).some((name) => name.startsWith('vapiorc_vm_')),
  );
  await restart();
  await api.sparesReady(server, 2);
  expect(await api.listVms(server)).toHaveLength(2); // those that had begun were finished, not made again
  await expectNothingLeaked(server);

  const kept = (await api.assignVm(server, { assignedTo: 'keeps' })).vm as api.Vm;
  const released = (await api.assignVm(server, { assignedTo: 'goes', waitSeconds: 30 })).vm as api.Vm;
  expect(await guestAnswers(`vapiorc_vm_${kept.instanceId}`, 'write note kept')).toBe('ok');
  await api.sparesReady(server, 2);
  await api.releaseVm(server, released.id);
  await restart();
  await api.goneVm(server, released.id);

  expect(await api.getVm(server, kept.id)).toMatchObject({
    status: 'ASSIGNED',
    assignedTo: 'keeps',
    containerId: kept.containerId,
  });
  expect(await guestAnswers(`vapiorc_vm_${kept.instanceId}`, 'read note')).toBe('ok kept');
  await until(
    'the screen is shown',
    async () => (await fetch(`http://127.0.0.1:${kept.port}/`).catch(() => undefined))?.ok === true,
  );
  await api.sparesReady(server, 2);
  await expectNothingLeaked(server);

  await server.stop();
  expect(await deployment.containers()).toContain(`vapiorc_vm_${kept.instanceId}`); // VMs outlive the server
});

test('the events of before a crash and after it are one log without a gap', { timeout: 120_000 }, async () => {
  const first = await deployment.start();
  const { id } = await api.createImage(first);
  await api.imageReady(first, id);
  const before = await followEvents(first);
  await before.until('the first spare is asked for', ({ kind }) => kind === 'VM_REQUESTED');
  await first.kill();

  const second = await deployment.start();
  await api.sparesReady(second, 2);
  const rest = await followEvents(second, before.told.at(-1)?.cursor ?? '0');
  const whole = await followEvents(second);
  await whole.until('a spare is ready', ({ kind }) => kind === 'VM_READY');
  // More may come meanwhile, to one of them first.
  const last = whole.told.at(-1)?.cursor ?? '0';
  await rest.until('all is told', ({ cursor }) => cursor === last);
  const upTo = (events: typeof whole.told) =>
    events.filter(({ cursor }) => BigInt(cursor) <= BigInt(last)).map(({ cursor }) => cursor);
  expect(upTo([...before.told, ...rest.told])).toEqual(upTo(whole.told));
  await Promise.all([rest, whole].map((one) => one.stop()));
  await second.stop();
});

test('a stop tells subscribers that the server goes away, and ends well within 10 s', { timeout: 60_000 }, async () => {
  const server = await deployment.start({ VAPIORC_PROVISIONER: 'simulated' });
  const subscriber = await followEvents(server);
  const began = Date.now();
  await server.stop();
  expect(Date.now() - began).toBeLessThan(10_000);
  await until('the socket is closed', async () => subscriber.closed() !== undefined);
  expect(subscriber.closed()).toMatchObject({ code: 1001 });
});
