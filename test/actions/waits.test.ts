import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelAssignment } from '../../src/actions/assignment/cancelAssignment.js';
import { handOut } from '../../src/actions/assignment/handOut.js';
import { createOrders, type Order } from '../../src/actions/assignment/orders.js';
import { Waits } from '../../src/actions/assignment/waits.js';
import type { ActionContext } from '../../src/actions/context.js';
import { WAIT_SECONDS } from '../../src/db/waits.js';
import type { NoVmInTime } from '../../src/domain/errors.js';
import { reconcileLeases } from '../../src/reconciler/leases.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { orders } from '../support/actions.js';
import { anImage, aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => world.empty());
afterAll(() => world.close());

const here = () => new AbortController().signal;
/** What one server does for its callers; each has its own. */
const aServer = (): ActionContext => ({ ...world, placeOrder: createOrders(world), waits: new Waits(world.db) });
const ask = (server: ReturnType<typeof aServer>, waitSeconds: number, order: Partial<Order> = {}, caller = here()) =>
  handOut({ ...server, gone: caller }, { vmType: '11', assignedTo: 'x', ...order }, waitSeconds);
/** What a leader does that has led for so long. */
const sweep = (ledSeconds = 3600) =>
  reconcileLeases({
    db: world.db,
    write: world.write,
    now: () => new Date(),
    ledSince: new Date(Date.now() - ledSeconds * 1000),
  });
const queued = () =>
  until('a request is queued', async () => (await world.db.assignment.count({ where: { status: 'QUEUED' } })) > 0);
/** The server of those who wait has died: nothing is said any more, and the time for that is over. */
async function itsServerDied(): Promise<void> {
  await world.db.assignment.updateMany({ where: { waitUntil: { not: null } }, data: { waitUntil: new Date(0) } });
}
/** A request of a caller at a server that was killed: what that leaves is the row. */
async function orphan(order: Partial<Order> = {}) {
  const made = await orders(createOrders(world))({ vmType: '11', assignedTo: 'gone', waitSeconds: 60, ...order });
  if (made instanceof Error) throw made;
  return made;
}

describe('a caller whose server died', () => {
  test('is not served, and leaves the queue', async () => {
    await anImage(world.db);
    const { id } = await orphan();
    await itsServerDied();
    const vm = await aVm(world.db, { status: 'BOOTING' });

    await reportVmReady(world, vm.id);
    await sweep();

    expect(await world.db.assignment.findUniqueOrThrow({ where: { id } })).toMatchObject({
      status: 'ENDED',
      vmId: null,
    });
    expect(await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).toMatchObject({
      status: 'READY',
      hotSpare: true,
    });
  });

  test('and who was served by another one gives the VM back', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const { id } = await orphan();
    await reportVmReady(world, vm.id);
    expect(await world.db.assignment.findUniqueOrThrow({ where: { id } })).toMatchObject({ status: 'FULFILLED' });
    await sweep();
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('ASSIGNED');

    await itsServerDied();
    await sweep();

    expect(await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).toMatchObject({
      status: 'RELEASING',
      reason: 'nobody came for it',
    });
  });

  test('and has a key gets its VM when it asks elsewhere, for ten minutes', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const { id } = await orphan({ idempotencyKey: 'job-1' });
    await reportVmReady(world, vm.id);
    const { waitUntil } = await world.db.assignment.findUniqueOrThrow({ where: { id } });
    expect((waitUntil?.getTime() ?? 0) - Date.now()).toBeGreaterThan(590_000);

    expect(await ask(aServer(), 0, { assignedTo: 'gone', idempotencyKey: 'job-1' })).toMatchObject({
      vm: { id: vm.id },
    });

    await itsServerDied();
    await sweep();
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('ASSIGNED');
  });

  test('is missed only by a leader of some time: while the database was away nobody could say that they wait', async () => {
    const { id: vmId } = await aVm(world.db, { status: 'BOOTING' });
    const served = await orphan();
    await reportVmReady(world, vmId);
    const waits = await orphan();
    await itsServerDied();
    const statuses = async () =>
      (
        await world.db.assignment.findMany({ where: { id: { in: [served.id, waits.id] } }, orderBy: { turn: 'asc' } })
      ).map(({ status }) => status);

    await sweep(WAIT_SECONDS - 1);
    expect(await statuses()).toEqual(['FULFILLED', 'QUEUED']);
    await sweep(WAIT_SECONDS + 1);
    expect(await statuses()).toEqual(['ENDED', 'ENDED']);
  });

  test('a request that was to stay queued whoever waits stays so', async () => {
    await anImage(world.db);
    const made = await orders(createOrders(world))({ vmType: '11', assignedTo: 'poller' });
    await itsServerDied();
    await sweep();
    expect(made).toMatchObject({ status: 'QUEUED', waitUntil: null });
    expect(await world.db.assignment.findFirstOrThrow()).toMatchObject({ status: 'QUEUED' });
  });
});

describe('two calls with one key, at two servers', () => {
  test('are each told at their own time; the request leaves the queue with the last', async () => {
    await anImage(world.db);
    const long = ask(aServer(), 4, { idempotencyKey: 'job-1' });
    await queued();
    const short = await ask(aServer(), 1, { idempotencyKey: 'job-1' });
    expect(short).toMatchObject({ code: 'NO_VM_IN_TIME', waitedSeconds: 1 });
    expect(await world.db.assignment.findFirstOrThrow()).toMatchObject({ status: 'QUEUED' });

    expect(await long).toMatchObject({ code: 'NO_VM_IN_TIME', waitedSeconds: 4 });
    expect(await world.db.assignment.findFirstOrThrow()).toMatchObject({ status: 'ENDED', reason: 'no VM in time' });
  });

  test('the one that comes later and waits longer keeps the request', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const short = ask(aServer(), 1, { idempotencyKey: 'job-1' });
    await queued();
    const long = ask(aServer(), 30, { idempotencyKey: 'job-1' });
    await short;

    await reportVmReady(world, vm.id);

    expect(await long).toMatchObject({ vm: { id: vm.id } });
  });

  test('one that asks for it to stay queued is not undone by one that waits in vain', async () => {
    await anImage(world.db);
    const waits = ask(aServer(), 1, { idempotencyKey: 'job-1' });
    await queued();
    await orders(createOrders(world))({ vmType: '11', assignedTo: 'x', idempotencyKey: 'job-1' });

    expect(await waits).toMatchObject({ code: 'NO_VM_IN_TIME' });
    expect(await world.db.assignment.findFirstOrThrow()).toMatchObject({ status: 'QUEUED', waitUntil: null });
  });
});

test('who waits says so in the row', async () => {
  await anImage(world.db);
  const waiting = ask(aServer(), 6);
  await queued();
  await world.db.assignment.updateMany({ data: { waitUntil: new Date(0) } });
  await until(
    'it was renewed',
    async () => (await world.db.assignment.count({ where: { waitUntil: { gt: new Date() } } })) > 0,
  );
  expect(await waiting).toMatchObject({ code: 'NO_VM_IN_TIME' });
});

test('one whose request ends before its time is told how long it waited, not how long it would have', async () => {
  await anImage(world.db);
  const waiting = ask(aServer(), 200);
  await queued();
  const { id } = await world.db.assignment.findFirstOrThrow();
  await cancelAssignment(world, { id });

  const answer = await waiting;
  expect(answer).toMatchObject({ code: 'NO_VM_IN_TIME', message: expect.stringContaining('cancelled') });
  expect((answer as NoVmInTime).waitedSeconds).toBeLessThan(60);
});

test('nothing is ordered for a caller who is gone', async () => {
  await aVm(world.db);
  const caller = AbortSignal.abort();
  const made = await orders(createOrders(world))({ vmType: '11', assignedTo: 'gone', caller });
  expect(made).toMatchObject({ code: 'NO_VM_IN_TIME' });
  expect(await world.db.assignment.count()).toBe(0);
});
