import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cancelAssignment } from '../../src/actions/assignment/cancelAssignment.js';
import type { Ordered } from '../../src/actions/assignment/orders.js';
import { createOrders } from '../../src/actions/assignment/orders.js';
import type { Assignment } from '../../src/db/assignments.js';
import { Conflict, InvalidInput, NoGoldenImage, NotFound } from '../../src/domain/errors.js';
import { Batcher } from '../../src/primitives/batcher.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { orders } from '../support/actions.js';
import { anImage, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

let world: StepWorld;
beforeEach(async () => {
  world = await createStepWorld();
});
afterEach(() => world.close());

const granted = (result: Ordered | InvalidInput): Assignment => {
  if (result instanceof Error) throw result;
  return result;
};
const order = (assignedTo = 'job', over = {}) => ({ vmType: '11', assignedTo, ...over });

describe('a claim', () => {
  test('takes the spare that has been ready longest and tells it in one event', async () => {
    const [first] = [await aVm(world.db), await aVm(world.db)];

    const assignment = granted(await world.assignVm(order('task-1')));

    expect(assignment).toMatchObject({ status: 'FULFILLED', vmId: first.id, assignedTo: 'task-1' });
    expect(await world.db.vm.findUnique({ where: { id: first.id } })).toMatchObject({
      status: 'ASSIGNED',
      assignedTo: 'task-1',
      hotSpare: false,
    });
    expect(await world.kinds()).toEqual(['VM_ASSIGNED']);
  });

  test('never gives one VM to two callers, whichever server they ask', async () => {
    for (let n = 0; n < 30; n++) await aVm(world.db);
    const other = orders(createOrders(world));
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? world.assignVm : other)(order(`job-${n}`))),
    );
    const assignments = results.map(granted);
    const fulfilled = assignments.filter((a) => a.status === 'FULFILLED');
    expect(new Set(fulfilled.map((a) => a.vmId)).size).toBe(30);
    expect(fulfilled).toHaveLength(30);
    expect(assignments.filter((a) => a.status === 'QUEUED')).toHaveLength(30);
    for (const { vmId, assignedTo } of fulfilled) {
      expect((await world.db.vm.findUniqueOrThrow({ where: { id: vmId as string } })).assignedTo).toBe(assignedTo);
    }
  });

  test('leaves alone what is not a spare, is of another vmType, or comes from a retired image', async () => {
    await anImage(world.db);
    await aVm(world.db, { hotSpare: false });
    await aVm(world.db, { vmType: '10' });
    await aVm(world.db, { goldenImageId: (await anImage(world.db, { status: 'RETIRED' })).id });
    expect(granted(await world.assignVm(order())).status).toBe('QUEUED');
  });

  test('notes when the lease ends', async () => {
    await aVm(world.db);
    const { leaseExpiresAt, fulfilledAt } = granted(await world.assignVm(order('job', { leaseSeconds: 60 })));
    expect((leaseExpiresAt?.getTime() ?? 0) - (fulfilledAt?.getTime() ?? 0)).toBe(60_000);
  });
});

describe('an empty pool', () => {
  test('queues, first in, first out, and nobody overtakes', async () => {
    await anImage(world.db);
    const waiting = [granted(await world.assignVm(order('a'))), granted(await world.assignVm(order('b')))];
    const vms = [
      await aVm(world.db, { status: 'BOOTING' }),
      await aVm(world.db, { status: 'BOOTING' }),
      await aVm(world.db, { status: 'BOOTING' }),
    ];

    await reportVmReady(world.deps, vms[0]?.id ?? '');
    expect(granted(await world.assignVm(order('c'))).status).toBe('QUEUED');
    await reportVmReady(world.deps, vms[1]?.id ?? '');
    await reportVmReady(world.deps, vms[2]?.id ?? '');

    const rows = await world.db.assignment.findMany({ orderBy: { turn: 'asc' } });
    expect(rows.map((a) => [a.assignedTo, a.vmId])).toEqual([
      ['a', vms[0]?.id],
      ['b', vms[1]?.id],
      ['c', vms[2]?.id],
    ]);
    expect(rows.slice(0, 2).map((a) => a.id)).toEqual(waiting.map((a) => a.id));
  });

  test('keeps the order of asking among requests of one moment', async () => {
    await anImage(world.db);
    const names = Array.from({ length: 20 }, (_, n) => `job-${n}`);
    await Promise.all(names.map((name) => world.assignVm(order(name))));
    const rows = await world.db.assignment.findMany({ orderBy: { turn: 'asc' } });
    expect(rows.map((row) => row.assignedTo)).toEqual(names);
  });

  test('with no golden image in sight is refused with the fix', async () => {
    const refusal = await world.assignVm(order());
    expect(refusal).toBeInstanceOf(NoGoldenImage);
    expect((refusal as NoGoldenImage).fix).toContain('createGoldenImage');
  });

  test('a request that is called off is never served', async () => {
    await anImage(world.db);
    const { id } = granted(await world.assignVm(order()));
    expect(await cancelAssignment(world, { id })).toMatchObject({ status: 'ENDED', reason: 'cancelled' });
    expect(await cancelAssignment(world, { id })).toMatchObject({ status: 'ENDED' });
    const vm = await aVm(world.db, { status: 'BOOTING' });
    await reportVmReady(world.deps, vm.id);
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('READY');
  });

  test('a fulfilled one can not be called off, an unknown one is named', async () => {
    await aVm(world.db);
    const { id } = granted(await world.assignVm(order()));
    expect(await cancelAssignment(world, { id })).toBeInstanceOf(Conflict);
    expect(await cancelAssignment(world, { id: randomUUID() })).toBeInstanceOf(NotFound);
  });
});

describe('the same idempotency key', () => {
  test('gets the same assignment, at once, later and from another server', async () => {
    for (let n = 0; n < 10; n++) await aVm(world.db);
    const other = orders(createOrders(world));
    const keyed = order('job', { idempotencyKey: 'k' });
    const first = await Promise.all([
      world.assignVm(keyed),
      world.assignVm(keyed),
      other(keyed),
      other(keyed),
      world.assignVm(order('else')),
    ]);
    const later = await world.assignVm(keyed);
    expect(new Set([...first.slice(0, 4), later].map((a) => granted(a).id)).size).toBe(1);
    expect(await world.db.vm.count({ where: { status: 'ASSIGNED' } })).toBe(2);
  });

  test('for another order is refused', async () => {
    await aVm(world.db);
    await world.assignVm(order('a', { idempotencyKey: 'k' }));
    expect(await world.assignVm(order('b', { idempotencyKey: 'k' }))).toBeInstanceOf(Conflict);
  });
});

test.each([
  ['vmType', order('a', { vmType: 'dos' }), 'Give one of: '],
  ['vmType', order('a', { vmType: '98' }), 'Give one of: '],
  ['vmType', order('a', { vmType: '__proto__' }), 'Give one of: '],
  ['assignedTo', order('  '), 'must not be empty'],
  ['assignedTo', order('x'.repeat(201)), 'at most 200 characters'],
  ['assignedTo', order('a\nb'), 'control characters'],
  ['leaseSeconds', order('a', { leaseSeconds: 0 }), 'from 1 to'],
  ['leaseSeconds', order('a', { leaseSeconds: 1.5 }), 'whole number'],
  ['idempotencyKey', order('a', { idempotencyKey: '' }), 'must not be empty'],
])('a bad %s is named with the fix', async (field, given, fix) => {
  const refusal = await world.assignVm(given);
  expect(refusal).toBeInstanceOf(InvalidInput);
  expect(refusal).toMatchObject({ field, fix: expect.stringContaining(fix) });
  expect(await world.db.assignment.count()).toBe(0);
});

describe('one bad order among many', () => {
  test('with a character that can not be stored is refused, takes no VM and harms nobody', async () => {
    for (let n = 0; n < 4; n++) await aVm(world.db);
    const results = await Promise.all([
      world.assignVm(order('good')),
      world.assignVm(order('a\ud800')),
      world.assignVm(order('b', { idempotencyKey: 'x\udc00' })),
      world.assignVm(order('also good')),
    ]);
    expect(results.map((result) => (result instanceof Error ? result.constructor : result.status))).toEqual([
      'FULFILLED',
      InvalidInput,
      InvalidInput,
      'FULFILLED',
    ]);
    expect(await world.db.vm.count({ where: { status: 'ASSIGNED' } })).toBe(2);
  });

  test('that the database refuses fails alone', async () => {
    for (let n = 0; n < 3; n++) await aVm(world.db);
    // Past the command's own checks, as a mistake in them would be.
    const batch = new Batcher<string, string>({
      size: 10,
      run: async (orders) => {
        if (orders.includes('bad')) throw new Error('refused');
        return orders.map((name) => `${name} done`);
      },
    });
    const results = await Promise.allSettled(['a', 'b', 'bad', 'c'].map((name) => batch.add(name)));
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  });

  test('and one whose failure meets all, while they are run one by one, fails those behind it at once', async () => {
    const runs: string[] = [];
    const away = new Error('the database does not answer');
    const batch = new Batcher<string, string>({
      size: 4,
      run: async (orders) => {
        runs.push(orders.join());
        if (orders.length > 1) throw new Error('refused');
        if (orders.includes('last')) throw away;
        return orders;
      },
      meetsAll: (err) => err === away,
    });
    const results = await Promise.allSettled(['a', 'last', 'c', 'd', 'e'].map((name) => batch.add(name)));

    // The batch itself fails for another reason.
    expect(runs).toEqual(['a,last,c,d', 'a', 'last']);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason))).toEqual([
      'a',
      ...Array(4).fill(away),
    ]);
  });
});
