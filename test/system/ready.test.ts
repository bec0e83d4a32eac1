import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { buildVariant } from '../standin/buildStandIns.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment, docker } from './support/deployment.js';
import type { Server } from './support/server.js';

let deployment: Deployment;
afterEach(() => deployment?.remove());

/** A guest's calls are held a third of this; the rest is for a machine that is busy with other things. */
const UNHEARD_SECONDS = 15;

async function withSpares(count: number, changes: Record<string, string> = {}): Promise<Server> {
  deployment = await aDeployment({
    VAPIORC_UNHEARD_SECONDS: String(UNHEARD_SECONDS),
    VAPIORC_HOT_SPARES: String(count),
    ...changes,
  });
  const server = await deployment.start();
  const { id } = await api.createImage(server);
  await api.imageReady(server, id);
  return server;
}

const nameOf = (id: string) => `vapiorc_vm_${id}`;
const idsOf = (vms: api.Vm[]) => vms.map(({ instanceId }) => instanceId).toSorted();
const failed = (server: Server, id: string) =>
  until(
    `${id} failed`,
    async () => {
      const vm = (await api.listVms(server)).find(({ instanceId }) => instanceId === id);
      return vm?.status === 'FAILED' && vm;
    },
    60_000,
  );
const passed = (seconds: number) => {
  const end = Date.now() + seconds * 1000;
  return until(`${seconds} s are over`, async () => Date.now() > end, (seconds + 10) * 1000);
};

/** The stand-in's monitor, which is where the real image has it. */
async function tellMonitor(container: string, command: string): Promise<void> {
  const exec = await docker.getContainer(container).exec({
    Cmd: ['sh', '-c', `echo '${command}' | nc -q1 -w1 -U /run/shm/monitor.sock`],
    AttachStdout: true,
  });
  const stream = await exec.start({});
  for await (const _ of stream);
}

test('a spare that is paused, frozen, taken out of the network or robbed of its folder is replaced with the reason, and not handed out', {
  timeout: 400_000,
}, async () => {
  const server = await withSpares(5);
  const spares = await api.sparesReady(server, 5);
  const [paused, frozen, alone, robbed, well] = spares.map(({ instanceId }) => instanceId) as [
    string,
    string,
    string,
    string,
    string,
  ];
  await tellMonitor(nameOf(frozen), 'stop');
  await docker.getContainer(nameOf(paused)).pause();
  await docker.getNetwork(deployment.network).disconnect({ Container: nameOf(alone), Force: true });
  await rm(join(deployment.storage, 'vms', robbed), { recursive: true });

  const reasons: [string, RegExp][] = [
    [paused, /^its container is paused$/m],
    [alone, /^its container was taken out of the network of the VMs$/m],
    [robbed, /^its folder or its disk was removed$/m],
    [frozen, /^its guest was not heard for \d+ s$/m],
  ];
  for (const [id, reason] of reasons) expect((await failed(server, id)).reason).toMatch(reason);
  expect((await api.assignVm(server, { assignedTo: 'job' })).vm?.instanceId).toBe(well);
  await until(
    'what broke is gone',
    async () => {
      const left = await deployment.containers();
      return reasons.every(([id]) => !left.includes(nameOf(id)));
    },
    60_000,
  );
  await api.sparesReady(server, 5);
  await server.stop();
});

test('a server that was away for longer than the limit throws no spare away', { timeout: 180_000 }, async () => {
  const before = await withSpares(3);
  const spares = idsOf(await api.sparesReady(before, 3));
  await before.kill();
  await passed(UNHEARD_SECONDS + 2);

  const server = await deployment.start();
  await passed(UNHEARD_SECONDS + 5); // the guests have called again by then
  expect(idsOf(await api.sparesReady(server, 3))).toEqual(spares);
  expect(spares).toContain((await api.assignVm(server, { assignedTo: 'job' })).vm?.instanceId);
  expect((await api.listVms(server)).filter(({ status }) => status === 'FAILED')).toEqual([]);
  await server.stop();
});

test('guests that freeze as soon as they are ready are replaced with pauses in between, and the pool says why', {
  timeout: 180_000,
}, async () => {
  const image = await buildVariant('stub', 'freezes', { STANDIN_FAULT: 'freeze' });
  const server = await withSpares(1, { VAPIORC_IMAGE: image });
  const [spare] = await api.sparesReady(server, 1);
  expect((await failed(server, spare?.instanceId ?? '')).reason).toMatch(/^its guest was not heard for \d+ s$/m);
  expect((await api.getPool(server))?.blocked).toContain('its guest was not heard');
  await server.stop();
});
