import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { macOf } from '../../src/domain/mac.js';
import { call, expectProblem } from '../rest/support/call.js';
import { anImage, aVm } from '../support/rows.js';
import { stopClock } from '../support/stopClock.js';
import { startWorld, type World } from '../support/world.js';

let world: World;

const webhook = (method: string, path: string, mac?: string, url = world.url) =>
  call(url, method, `/webhook/${path}`, mac === undefined ? {} : { headers: { 'MAC-Address': mac } });

beforeAll(async () => {
  world = await startWorld({ VAPIORC_WEBHOOK: 'on' });
});
beforeEach(() => world.empty());
afterAll(() => world.close());

test.each([(mac: string) => mac, (mac: string) => mac.toLowerCase(), (mac: string) => mac.replaceAll(':', '-')])(
  'a VM that reports by its address is READY, however the address is written',
  async (written) => {
    const vm = await aVm(world.db, { status: 'BOOTING' });

    const { status, body } = await webhook('POST', 'ready/11', written(macOf(vm.id)));

    expect(status).toBe(200);
    expect(body).toEqual({ status: 'processed', type: 'vm_instance', message: `VM instance ${vm.id} marked as ready` });
    expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({ status: 'READY' });
    expect((await webhook('POST', 'ready/11', macOf(vm.id))).body).toEqual({
      status: 'ignored',
      message: 'VM instance not in expected state',
    });
  },
);

test.each<[string, (vm: { id: string; goldenImageId: string }) => Promise<unknown>]>([
  ['of an image whose agent speaks', (vm) => aGuestOf(vm.goldenImageId)],
  ['whose own agent has spoken', (vm) => aGuestOf(vm.id)],
  ['of a pool with unique computer names', () => world.db.pool.updateMany({ data: { uniqueComputerNames: true } })],
])('a VM %s is not READY by its address alone', async (_which, prepare) => {
  const vm = await aVm(world.db, { status: 'BOOTING' });
  await prepare(vm);

  expect((await webhook('POST', 'ready/11', macOf(vm.id))).body.status).toBe('ignored');
  expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({ status: 'BOOTING' });
});
const aGuestOf = (machineId: string) => world.db.guest.create({ data: { machineId, session: 's1' } });

test('a golden image that reports is sealed', async () => {
  const image = await anImage(world.db, { status: 'INSTALLING' });

  const { status, body } = await webhook('POST', 'ready/11', macOf(image.id));

  expect(status).toBe(200);
  expect(body).toEqual({
    status: 'processed',
    type: 'golden_image',
    message: expect.stringContaining(`${image.id} marked as ready`),
  });
  expect(await world.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({ status: 'SEALING' });
});

test('a golden image whose agent has spoken is not sealed by its address alone', async () => {
  const image = await anImage(world.db, { status: 'INSTALLING' });
  await aGuestOf(image.id);

  expect((await webhook('POST', 'ready/11', macOf(image.id))).body.status).toBe('ignored');
  expect(await world.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({ status: 'INSTALLING' });
});

test('is off unless it is turned on: an installation that somebody speaks for goes on', async () => {
  const off = await startWorld();
  const image = await anImage(off.db, { status: 'INSTALLING' });

  expectProblem(await webhook('POST', 'ready/11', macOf(image.id), off.url), 404, 'WEBHOOK_OFF');
  expect(await off.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({ status: 'INSTALLING' });
  await off.close();
});

test('status says what the machine is', async () => {
  const image = await anImage(world.db, { status: 'INSTALLING' });
  const vm = await aVm(world.db);

  expect((await webhook('GET', 'status/11', macOf(image.id))).body).toEqual({
    status: 'registered',
    type: 'golden_image',
    id: image.id,
  });
  expect((await webhook('GET', 'status/11', macOf(vm.id))).body).toEqual({
    status: 'registered',
    type: 'vm_instance',
    id: vm.id,
  });
});

describe.each([
  ['POST', 'ready/11'],
  ['GET', 'status/11'],
])('%s %s', (method, path) => {
  test('without the header: 400', async () => {
    const answer = await webhook(method, path);

    expectProblem(answer, 400, 'INVALID_INPUT', { field: 'MAC-Address' });
    expect(answer.body.detail).toContain('MAC-Address header is required');
  });

  test.each(['02:00:00:00:00:00', 'nonsense', '%', '<b>', 'x'.repeat(4000)])(
    'an unknown address: 404, and nothing of it comes back',
    async (mac) => {
      await aVm(world.db);

      const answer = await webhook(method, path, mac);

      expectProblem(answer, 404, 'NOT_FOUND');
      if (mac.length > 1) expect(JSON.stringify(answer.body)).not.toContain(mac);
    },
  );

  test('a machine that is over is not known', async () => {
    const vm = await aVm(world.db, { status: 'DESTROYED' });
    const image = await anImage(world.db, { status: 'READY' });

    expectProblem(await webhook(method, path, macOf(vm.id)), 404, 'NOT_FOUND');
    expectProblem(await webhook(method, path, macOf(image.id)), 404, 'NOT_FOUND');
  });
});

test('a VM on its way out is ignored', async () => {
  const vm = await aVm(world.db, { status: 'RELEASING' });

  expect((await webhook('POST', 'ready/11', macOf(vm.id))).body.status).toBe('ignored');
});

test('where a probe decides, a VM is ignored and a golden image is not', async () => {
  const probing = await startWorld({ VAPIORC_WEBHOOK: 'on', VAPIORC_READINESS: 'rdp' });
  const vm = await aVm(probing.db, { status: 'BOOTING' });
  const image = await anImage(probing.db, { status: 'INSTALLING', vmType: '10' });

  expect(await webhook('POST', 'ready/11', macOf(vm.id), probing.url)).toMatchObject({
    status: 200,
    body: { status: 'ignored' },
  });
  expect((await webhook('POST', 'ready/10', macOf(image.id), probing.url)).body.status).toBe('processed');
  expect((await probing.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('BOOTING');
  await probing.close();
});

test('too many calls from one address are refused', async () => {
  stopClock()(1_000); // what was called until now counts no more
  const answers = await Promise.all(Array.from({ length: 150 }, () => webhook('GET', 'status/11', macOf('x'))));

  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(100);
  expect(refused[0]?.body.code).toBe('TOO_MANY_CALLS');
});
