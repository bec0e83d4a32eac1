import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { curlLines, expectPortFree, PROTOTYPE_PORT, runCurl, runPythonExample } from '../prototype/client.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  await expectPortFree();
  world = await startWorld({}, { port: PROTOTYPE_PORT });
});
beforeEach(() => world.empty());
afterAll(() => world?.close());

test('the Python example of its README assigns a VM and releases it', async () => {
  const vm = await aVm(world.db);

  const told = await runPythonExample();

  expect(told).toEqual({
    instanceId: vm.id,
    novncUrl: `http://localhost:${vm.endpoint}`,
    rdpPort: Number(vm.endpoint) + 1000,
  });
  expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({
    status: 'RELEASING',
    assignedTo: 'task_123',
    reason: 'released',
  });
});

test('the curl lines of its README work one after the other', async () => {
  const lines = curlLines();

  const created = await runCurl(lines.createGoldenImage);
  expect(created).toEqual({ golden_id: expect.any(String), status: 'creating', message: expect.any(String) });
  const goldenId = String(created.golden_id);

  await world.db.goldenImage.update({ where: { id: goldenId }, data: { status: 'INSTALLING' } });
  expect(await runCurl(lines.markReady, goldenId)).toEqual({ status: 'success', message: expect.any(String) });
  expect(await world.db.goldenImage.findUnique({ where: { id: goldenId } })).toMatchObject({
    status: 'SEALING',
  });

  const vm = await aVm(world.db);
  expect(await runCurl(lines.assign)).toEqual({
    instance_id: vm.id,
    container_id: vm.engineId,
    port: Number(vm.endpoint),
    novnc_url: `http://localhost:${vm.endpoint}`,
    rdp_port: Number(vm.endpoint) + 1000,
  });
  expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({ assignedTo: 'my_task_id' });
});
