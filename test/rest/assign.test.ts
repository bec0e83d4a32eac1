import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { LIMITS } from '../../src/domain/limits.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { type Answer, call, expectProblem } from './support/call.js';

let world: World;
const assign = (query: string, init: RequestInit = {}): Promise<Answer> =>
  call(world.url, 'POST', `/api/vms/assign?${query}`, init);
const queued = (count = 1) =>
  until(
    'the request is queued',
    async () => (await world.db.assignment.count({ where: { status: 'QUEUED' } })) === count,
  );

beforeAll(async () => {
  world = await startWorld({ VAPIORC_ASSIGN_WAIT_SECONDS: '10' });
});
beforeEach(() => world.empty());
afterAll(() => world.close());

test('hands out a ready spare with the fields of the prototype', async () => {
  const vm = await aVm(world.db);

  const { status, body } = await assign('assigned_to=task_123');

  expect(status).toBe(200);
  expect(body).toEqual({
    instance_id: vm.id,
    container_id: vm.engineId,
    port: Number(vm.endpoint),
    novnc_url: `http://localhost:${vm.endpoint}`,
    rdp_port: Number(vm.endpoint) + 1000,
  });
  expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({
    status: 'ASSIGNED',
    assignedTo: 'task_123',
  });
});

test('waits for a VM that is still starting', async () => {
  const vm = await aVm(world.db, { status: 'BOOTING' });
  const waiting = assign('assigned_to=task_123&vm_type=win11');
  await queued();

  await reportVmReady(world, vm.id);

  expect((await waiting).body.instance_id).toBe(vm.id);
});

test('serves those who wait first come, first served', async () => {
  const vms = [await aVm(world.db, { status: 'BOOTING' }), await aVm(world.db, { status: 'BOOTING' })];
  const first = assign('assigned_to=first');
  await queued(1);
  const second = assign('assigned_to=second');
  await queued(2);

  for (const vm of vms) await reportVmReady(world, vm.id);

  expect([(await first).body.instance_id, (await second).body.instance_id]).toEqual(vms.map((vm) => vm.id));
});

describe('when no VM is there in time', () => {
  test.each([0, 1])('after %i s it says so, and the request leaves the queue', async (seconds) => {
    await anImage(world.db);

    const answer = await assign(`assigned_to=x&wait_seconds=${seconds}`);

    expectProblem(answer, 503, 'NO_VM_IN_TIME', { waited_seconds: seconds, vm_type: '11' });
    expect(answer.body.retry_after_seconds).toBe(Number(answer.headers.get('retry-after')));
    expect(await world.db.assignment.findFirst()).toMatchObject({ status: 'ENDED', reason: 'no VM in time' });
  });

  test('it says why the pool does not grow', async () => {
    await aPool(world.db, { blocked: 'the host has no memory left' });
    await anImage(world.db);

    expect((await assign('assigned_to=x&wait_seconds=0')).body.message).toContain('the host has no memory left');
  });
});

test('without a golden image there is nothing to wait for', async () => {
  expectProblem(await assign('assigned_to=x'), 409, 'NO_GOLDEN_IMAGE', { vm_type: '11' });
});

test('a VM that broke while it was handed out is a 503, not an answer that is of no use', async () => {
  const vm = await aVm(world.db);
  expect((await assign('assigned_to=x&idempotency_key=k')).status).toBe(200);
  // As between the two reads: its assignment has not ended yet.
  await world.db.vm.update({ where: { id: vm.id }, data: { status: 'FAILED', reason: 'it broke' } });

  const answer = await assign('assigned_to=x&idempotency_key=k');

  expectProblem(answer, 503, 'NO_VM_IN_TIME');
  expect(JSON.stringify(answer.body)).toContain('it broke');
});

describe('a caller who goes away', () => {
  test('takes a queued request along', async () => {
    await anImage(world.db);
    const caller = new AbortController();
    const waiting = assign('assigned_to=gone', { signal: caller.signal });
    const failed = expect(waiting).rejects.toThrow();
    await queued();

    caller.abort();

    await failed;
    await until(
      'the request left the queue',
      async () => (await world.db.assignment.count({ where: { status: 'QUEUED' } })) === 0,
    );
    expect(await world.db.assignment.findFirst()).toMatchObject({ status: 'ENDED', reason: 'cancelled' });
  });

  test('does not keep a VM that came in that moment', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const caller = new AbortController();
    const failed = expect(assign('assigned_to=gone', { signal: caller.signal })).rejects.toThrow();
    await queued();

    caller.abort();
    await reportVmReady(world, vm.id);

    await failed;
    // Either the request was gone before the VM was there, or the VM was given and then released.
    await until('nobody holds the VM', async () => {
      const open = await world.db.assignment.count({ where: { status: { not: 'ENDED' } } });
      return open === 0;
    });
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).not.toBe('ASSIGNED');
  });
});

describe('with an idempotency_key', () => {
  test('the same key gets the same VM', async () => {
    const vm = await aVm(world.db);
    await aVm(world.db);

    const answers = await Promise.all(['', ''].map(() => assign('assigned_to=x&idempotency_key=job-1')));
    answers.push(await assign('assigned_to=x&idempotency_key=job-1'));

    expect(answers.map(({ body }) => body.instance_id)).toEqual([vm.id, vm.id, vm.id]);
    expect(await world.db.assignment.count()).toBe(1);
  });

  test('another order with the same key is refused', async () => {
    await aVm(world.db);
    await assign('assigned_to=x&idempotency_key=job-1');

    expectProblem(await assign('assigned_to=y&idempotency_key=job-1'), 409, 'CONFLICT');
  });

  test('a caller who lost the connection comes back to the same request', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const caller = new AbortController();
    const failed = expect(assign('assigned_to=x&idempotency_key=job-1', { signal: caller.signal })).rejects.toThrow();
    await queued();
    const arrived = once(world.server, 'request');
    const again = assign('assigned_to=x&idempotency_key=job-1');
    await arrived;
    // A third call goes through the same steps behind the second; it ends at once, and leaves the request to the others.
    expectProblem(await assign('assigned_to=x&idempotency_key=job-1&wait_seconds=0'), 503, 'NO_VM_IN_TIME');

    caller.abort();
    await failed;
    await reportVmReady(world, vm.id);

    expect((await again).body.instance_id).toBe(vm.id);
  });

  test('an order whose VM was released is over', async () => {
    const vm = await aVm(world.db);
    await assign('assigned_to=x&idempotency_key=job-1');
    await releaseVm(world, { id: vm.id });

    const answer = await assign('assigned_to=x&idempotency_key=job-1');

    expectProblem(answer, 409, 'CONFLICT');
    expect(answer.body.message).toContain(vm.id);
  });
});

test('a lease is noted', async () => {
  await aVm(world.db);

  expect((await assign('assigned_to=x&lease_seconds=60')).status).toBe(200);
  expect((await world.db.assignment.findFirstOrThrow()).leaseExpiresAt).not.toBeNull();
});

describe('parameters', () => {
  test.each([
    ['', 'assigned_to'],
    ['assigned_to=', 'assigned_to'],
    ['assigned_to=%20%20', 'assigned_to'],
    ['assigned_to=a%00b', 'assigned_to'],
    ['assigned_to=a%0Ab', 'assigned_to'],
    [`assigned_to=${'x'.repeat(201)}`, 'assigned_to'],
    ['assigned_to=x&assigned_to=y', 'assigned_to'],
    ['assigned_to=x&vm_type=me', 'vm_type'],
    ['assigned_to=x&wait_seconds=', 'wait_seconds'],
    [`assigned_to=x&wait_seconds=${LIMITS.waitSeconds.value + 1}`, 'wait_seconds'],
    ['assigned_to=x&wait_seconds=-1', 'wait_seconds'],
    ['assigned_to=x&wait_seconds=1.5', 'wait_seconds'],
    ['assigned_to=x&lease_seconds=0', 'lease_seconds'],
    ['assigned_to=x&lease_seconds=99999999999999999999', 'lease_seconds'],
    ['assigned_to=x&idempotency_key=', 'idempotency_key'],
  ])('%s is refused for %s', async (query, field) => {
    await aVm(world.db);

    const answer = await assign(query);

    expectProblem(answer, 422, 'INVALID_INPUT', { field, value: expect.any(String) });
    expect(answer.body.message).toMatch(new RegExp(`^${field}: `));
    expect(await world.db.assignment.count()).toBe(0);
  });

  test.each(['task 1/2?&=%+"\'<script>', 'Zoë 漢字 🪟', '%', '\'; DROP TABLE "Vm"; --', '../../etc', '\\u0000'])(
    'assigned_to=%s is kept as it is',
    async (name) => {
      await aVm(world.db);

      expect((await assign(`assigned_to=${encodeURIComponent(name)}`)).status).toBe(200);
      expect(await world.db.assignment.findFirst()).toMatchObject({ assignedTo: name });
      const { body } = await call(world.url, 'GET', '/api/vms/instances');
      expect(body[0].assigned_to).toBe(name);
    },
  );

  test('broken percent-encoding is taken as it is written, not a fault', async () => {
    await aVm(world.db);

    expect((await assign('assigned_to=100%25%ZZ%FF')).status).toBe(200);
  });
});

test('a pool is asked by its name, and by no other vm_type than its own', async () => {
  await aVm(world.db);
  const { lineId } = await aPool(world.db);
  const { id: poolId } = await world.db.pool.create({
    data: { name: 'desks', lineId, vmType: '11', hotSpares: 0, maxVms: 9 },
  });
  const vm = await aVm(world.db, { poolId });

  expect((await assign('assigned_to=x&pool=desks')).body).toMatchObject({ instance_id: vm.id });
  const late = await assign('assigned_to=x&pool=desks&wait_seconds=0');
  expectProblem(late, 503, 'NO_VM_IN_TIME', { message: expect.stringContaining('no VM of pool "desks"') });
  expectProblem(await assign('assigned_to=x&pool=nobody'), 404, 'NOT_FOUND', { what: 'pool' });
  expect(late.body.fix).toContain('raise hot_spares or max_vms of the pool');
  expectProblem(await assign('assigned_to=x&pool=desks&vm_type=10'), 422, 'INVALID_INPUT', {
    field: 'vm_type',
    fix: 'The pool desks is of vm_type 11: leave vm_type out.',
  });
  const { body } = await call(world.url, 'POST', '/api/vms/instances?pool=desks');
  expect(await world.db.vm.findUnique({ where: { id: body.instance_id } })).toMatchObject({ poolId });
  expect((await call(world.url, 'POST', '/api/vms/hot-spares/ensure?pool=desks')).status).toBe(200);
});
