import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { promoteGoldenImage, retireGoldenImage } from '../../src/actions/image/changeGoldenImage.js';
import { createGoldenImage } from '../../src/actions/image/createGoldenImage.js';
import { deletePool } from '../../src/actions/pool/deletePool.js';
import { ensureHotSpares } from '../../src/actions/pool/ensureHotSpares.js';
import { setPool } from '../../src/actions/pool/setPool.js';
import { createVm } from '../../src/actions/vm/createVm.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { Conflict, NotFound } from '../../src/domain/errors.js';
import { LIMITS } from '../../src/domain/limits.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { aLine, anImage, aPool, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
beforeEach(async () => {
  world = await createStepWorld();
});
afterEach(() => world.close());

const ok = <T>(result: T): Exclude<T, Error> => {
  if (result instanceof Error) throw result;
  return result as Exclude<T, Error>;
};
const assign = (order: { pool?: string; vmType?: string; idempotencyKey?: string }) =>
  world.assignVm({ assignedTo: 'job', ...order });
const poolIdOf = async (name: string) => (await world.db.pool.findUniqueOrThrow({ where: { name } })).id;
const spares = (name: string, n: number, more = {}) =>
  until(`${n} ready spares of ${name}`, async () => {
    const where = { poolId: await poolIdOf(name), status: 'READY' as const, hotSpare: true, ...more };
    return (await world.db.vm.count({ where })) === n && world.db.vm.findMany({ where });
  });

describe('several pools of one line', () => {
  test('have sizes and spares of their own, and each gives its own', async () => {
    world.reconcile();
    await anImage(world.db);
    ok(await setPool(world, { pool: 'small', hotSpares: 1, ramMiB: 2048 }));
    ok(await setPool(world, { pool: 'large', line: '11', hotSpares: 2, cpuCores: 8 }));
    const [small] = await spares('small', 1, { ramMiB: 2048, cpuCores: 2 });
    await spares('large', 2, { ramMiB: 4096, cpuCores: 8 });

    expect(await assign({ pool: 'small' })).toMatchObject({ status: 'FULFILLED', vmId: small?.id, vmType: '11' });
    await spares('small', 1);
    expect(await createVm(world, { pool: 'large' })).toMatchObject({ poolId: await poolIdOf('large'), cpuCores: 8 });
  });

  test('have queues of their own; a vmType alone is its default pool', async () => {
    const { lineId } = await anImage(world.db);
    const other = await aPool(world.db, { name: 'other', lineId });
    const theirs = await aVm(world.db, { poolId: other.id });

    const waiting = ok(await assign({ vmType: 'win11' }));
    expect(waiting).toMatchObject({ status: 'QUEUED', poolId: await poolIdOf('11') });
    expect(await assign({ pool: 'other' })).toMatchObject({ status: 'FULFILLED', vmId: theirs.id });
    expect(await assign({ pool: 'other', vmType: '11' })).toMatchObject({ status: 'QUEUED', poolId: other.id });

    const { id } = await aVm(world.db, { status: 'BOOTING' });
    await reportVmReady(world, id);
    expect(await world.db.assignment.findUnique({ where: { id: waiting.id } })).toMatchObject({ vmId: id });
    expect(await world.db.assignment.count({ where: { poolId: other.id, status: 'QUEUED' } })).toBe(1);
  });

  test('rest on their own after failures, and are asked again by name', async () => {
    const { lineId } = await anImage(world.db);
    await aPool(world.db, { name: 'other', lineId });
    world.provisioner.failNext('clone');
    world.reconcile();
    ok(await setPool(world, { pool: 'other', hotSpares: 1 }));
    const other = () => world.db.pool.findUniqueOrThrow({ where: { name: 'other' } });
    await until('it rests', async () => (await other()).failures === 1);
    expect(await world.db.pool.findUnique({ where: { name: '11' } })).toMatchObject({ failures: 0, blocked: null });
    expect((await world.db.event.findFirstOrThrow({ where: { kind: 'VM_FAILED' } })).poolId).toBe((await other()).id);

    expect(await ensureHotSpares(world, { pool: 'other' })).toMatchObject([{ name: 'other', failures: 0 }]);
    await spares('other', 1);
  });
});

describe('several lines of one vmType', () => {
  test('count their own versions, and one of each is current', async () => {
    const plain = ok(await createGoldenImage(world, { vmType: '11' }));
    const first = ok(await createGoldenImage(world, { vmType: '11', line: '11-studio' }));
    const second = ok(await createGoldenImage(world, { line: '11-studio' }));
    expect([plain, first, second].map(({ vmType, version }) => [vmType, version])).toEqual([
      ['11', 1],
      ['11', 1],
      ['11', 2],
    ]);
    expect(first.lineId).not.toBe(plain.lineId);
    const sealed = { status: 'READY', sizeBytes: 1n } as const;
    await world.db.goldenImage.updateMany({ data: sealed });
    for (const { id } of [plain, first, second]) ok(await promoteGoldenImage(world, { id }));
    const current = async () => (await world.db.goldenImage.findMany({ where: { current: true } })).map(({ id }) => id);
    expect(new Set(await current())).toEqual(new Set([plain.id, second.id]));
    ok(await retireGoldenImage(world, { id: second.id }));
    expect(new Set(await current())).toEqual(new Set([plain.id, first.id]));
  });

  test('a pool clones from its line, and one that is given another hands out none of the old', async () => {
    const old = await anImage(world.db);
    const { id: lineId } = await aLine(world.db, { name: 'studio' });
    const studio = await anImage(world.db, { lineId });
    const { id: poolId } = await aPool(world.db, { name: 'desks', hotSpares: 1 });
    const spare = await aVm(world.db, { poolId });
    expect(spare.goldenImageId).toBe(old.id);

    ok(await setPool(world, { pool: 'desks', line: 'studio' }));
    expect(await assign({ pool: 'desks' })).toMatchObject({ status: 'QUEUED' });
    world.reconcile();
    const [fresh] = await spares('desks', 1, { goldenImageId: studio.id });
    expect(fresh).toBeDefined();
    await until('the old one is gone', async () => {
      const { status } = await world.db.vm.findUniqueOrThrow({ where: { id: spare.id } });
      return status === 'DESTROYED';
    });
  });
});

test('an idempotency key is good for one pool', async () => {
  const { lineId } = await anImage(world.db);
  await aPool(world.db, { name: 'other', lineId });
  const first = ok(await assign({ pool: 'other', idempotencyKey: 'key' }));
  expect(await assign({ pool: 'other', vmType: '11', idempotencyKey: 'key' })).toMatchObject({ id: first.id });
  expect(await assign({ vmType: '11', idempotencyKey: 'key' })).toBeInstanceOf(Conflict);
});

describe('deletePool', () => {
  test('is refused while there is a VM of it, or a request for one', async () => {
    await anImage(world.db);
    const { id: poolId } = await aPool(world.db, { name: 'desks' });
    const vm = await aVm(world.db, { poolId });
    expect(await deletePool(world, { pool: 'desks' })).toMatchObject({ code: 'CONFLICT', message: /has 1 VMs/ });
    ok(await releaseVm(world, { id: vm.id }));
    expect(await deletePool(world, { pool: 'desks' })).toBeInstanceOf(Conflict);
    const waiting = ok(await assign({ pool: 'desks' }));
    world.reconcile();
    await until('it is gone', async () => {
      const { cleanedAt } = await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } });
      return cleanedAt !== null;
    });
    expect(waiting.status).toBe('QUEUED');
    expect(await deletePool(world, { pool: 'desks' })).toMatchObject({ message: /1 requests wait/ });
    expect(await world.db.pool.count({ where: { name: 'desks' } })).toBe(1);
  });

  test('leaves on record what was there, and the name free', async () => {
    await anImage(world.db);
    const { id: poolId } = await aPool(world.db, { name: 'desks' });
    const vm = await aVm(world.db, { poolId, status: 'DESTROYED' });
    const deleted = ok(await deletePool(world, { pool: 'desks' }));
    expect(deleted.id).toBe(poolId);
    expect(await world.db.event.findFirst({ orderBy: { seq: 'desc' } })).toMatchObject({
      kind: 'POOL_DELETED',
      poolId,
      data: { pool: 'desks' },
    });
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).poolId).toBe(poolId);
    expect(await assign({ pool: 'desks' })).toBeInstanceOf(NotFound);
    expect(ok(await setPool(world, { pool: 'desks', hotSpares: 0 })).id).not.toBe(poolId);
  });

  test('of a default pool: its vmType has none until it is made again', async () => {
    await anImage(world.db);
    ok(await deletePool(world, { pool: '11' }));
    expect(await assign({ vmType: '11' })).toMatchObject({ code: 'NOT_FOUND', what: 'pool', value: '11' });
    ok(await createGoldenImage(world, { vmType: '11' }));
    expect(await assign({ vmType: '11' })).toMatchObject({ status: 'QUEUED' });
  });

  test('at the same moment as requests: each is refused, or keeps the pool', async () => {
    await anImage(world.db);
    for (let round = 0; round < 10; round++) {
      await aPool(world.db, { name: 'desks' });
      const [deleted, ...asked] = await Promise.all([
        deletePool(world, { pool: 'desks' }),
        ...Array.from({ length: 4 }, () => assign({ pool: 'desks' })),
      ]);
      const queued = asked.filter((answer) => !(answer instanceof Error));
      if (deleted instanceof Error) expect(queued).toHaveLength(4);
      else expect(queued).toEqual([]);
      await world.db.assignment.updateMany({ data: { status: 'ENDED', reason: 'over', endedAt: new Date() } });
    }
  });
});

describe('there may be no more than so many', () => {
  test('pools', async () => {
    const { lineId } = await anImage(world.db);
    const rows = Array.from({ length: LIMITS.pools.value - 1 }, (_, n) => ({ name: `p${n}`, lineId, vmType: '11' }));
    await world.db.pool.createMany({ data: rows.map((row) => ({ ...row, hotSpares: 0, maxVms: 1 })) });
    expect(await setPool(world, { pool: 'one-more', hotSpares: 0 })).toBeInstanceOf(Conflict);
    expect(await setPool(world, { pool: 'p0', hotSpares: 1 })).toMatchObject({ hotSpares: 1 });
  });

  test('pools, where several make the last one at the same moment', async () => {
    const { lineId } = await anImage(world.db);
    const rows = Array.from({ length: LIMITS.pools.value - 2 }, (_, n) => ({ name: `p${n}`, lineId, vmType: '11' }));
    await world.db.pool.createMany({ data: rows.map((row) => ({ ...row, hotSpares: 0, maxVms: 1 })) });
    const made = await Promise.all(['a', 'b', 'c', 'd'].map((pool) => setPool(world, { pool, hotSpares: 0 })));
    expect(made.filter((answer) => answer instanceof Conflict)).toHaveLength(3);
  });

  test('lines', async () => {
    const names = Array.from({ length: LIMITS.imageLines.value }, () => `l-${randomUUID()}`);
    await world.db.imageLine.createMany({ data: names.map((name) => ({ name, vmType: '11' })) });
    expect(await createGoldenImage(world, { line: 'one-more' })).toBeInstanceOf(Conflict);
    expect(await createGoldenImage(world, { line: names[0] as string })).toMatchObject({ version: 1 });
  });
});

describe('at the same moment', () => {
  test('one pool has one queue, however it is named', async () => {
    await anImage(world.db);
    const blocker = assign({ vmType: '11' });
    // These share the next transaction.
    const orders = [assign({ vmType: '11' }), assign({ pool: '11' }), assign({}), assign({ pool: '11', vmType: '10' })];
    const [first, ...others] = await Promise.all([blocker, ...orders]);

    const turns = [first, ...others.slice(0, 3)].map((order) => (ok(order as never) as { turn: bigint }).turn);
    expect(turns).toEqual(turns.toSorted((a, b) => Number(a - b)));
    expect(others[3]).toMatchObject({ code: 'INVALID_INPUT', field: 'vmType' });
  });

  test('who changes the number of spares does not take back the line that somebody else has just given', async () => {
    await anImage(world.db);
    const { id: lineId } = await aLine(world.db, { name: '11-vs' });
    const pool = ok(await setPool(world, { pool: 'mine', hotSpares: 0 }));
    let sized: ReturnType<typeof setPool> | undefined;
    await world.db.$transaction(async (tx) => {
      await tx.pool.update({ where: { id: pool.id }, data: { lineId } });
      sized = setPool(world, { pool: 'mine', hotSpares: 3 });
      await until('it waits for the row', async () => {
        const [found] = await world.db.$queryRaw<{ waiting: bigint }[]>`
          SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
        return (found?.waiting ?? 0n) > 0n;
      });
    });

    expect(ok(await (sized as ReturnType<typeof setPool>))).toMatchObject({ hotSpares: 3, lineId });
  });
});
