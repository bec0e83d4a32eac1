import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { lockCommand } from '../../src/db/commands.js';
import { allotEndpoint } from '../../src/db/endpoints.js';
import { lockImage } from '../../src/db/images.js';
import { holdLock, LOCKS } from '../../src/db/locks.js';
import { lockPool } from '../../src/db/pools.js';
import { lockVm } from '../../src/db/vms.js';
import { createWrite } from '../../src/db/write.js';
import { RECONCILER } from '../../src/domain/principal.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { gate } from '../support/gate.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { until } from '../support/until.js';

let database: TestDatabase;
let db: Db;
beforeEach(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
});
afterEach(async () => {
  await db.$disconnect();
  await database.drop();
});

test('no two advisory locks have the same key', () => {
  expect(new Set(Object.values(LOCKS)).size).toBe(Object.keys(LOCKS).length);
});

test('a row that is held is read as any other, whatever is in it; one that is not there is null', async () => {
  const everything = { blocked: 'full', retryAt: new Date(1_000), cpuCores: 3, failures: 2 };
  const pool = await aPool(db, everything);
  const image = await anImage(db, {
    progress: 0.25,
    phase: 'SETUP',
    sizeBytes: 2n ** 40n,
    installedAt: new Date(2_000),
  });
  const vm = await aVm(db, { status: 'ASSIGNED', reason: 'ö\n', endpoint: '8001', engineId: 'e' });
  const command = await db.command.create({
    data: { id: randomUUID(), vmId: vm.id, command: 'ver', timeoutSeconds: 1, stdoutBytes: 2n ** 33n },
  });
  const nothing = randomUUID();
  await db.$transaction(async (tx) => {
    expect(await lockPool(tx, pool.id)).toEqual(pool);
    expect(await lockImage(tx, image.id)).toEqual(image);
    expect(await lockVm(tx, vm.id)).toEqual(vm);
    expect(await lockCommand(tx, command.id)).toEqual(command);
    expect(await lockVm(tx, nothing)).toBeNull();
  });
});

/** Holds the VM's row, and takes the lock once somebody who holds one waits for that row. */
async function againstAllocation(name: 'endpoints' | 'computerNames') {
  const { id } = await aVm(db, { endpoint: null });
  const write = createWrite(db, () => {})(RECONCILER);
  const held = gate();
  const row = write(async (tx) => {
    await lockVm(tx, id);
    held.open();
    await until('the other waits for the row', async () => {
      const [found] = await db.$queryRaw<{ waiting: bigint }[]>`
        SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      return (found?.waiting ?? 0n) > 0n;
    });
    await holdLock(tx, name);
    return 'done';
  });
  await held.opened;
  const since = Date.now();
  const ended = await Promise.all([row, allotEndpoint(write, { kind: 'vm', id }, ['a', 'b'], [])]);
  return { ended, tookMs: Date.now() - since };
}

test('an endpoint is given while the name of the guest of the same VM is judged: neither waits for the other', async () => {
  const { ended, tookMs } = await againstAllocation('computerNames');
  expect(ended).toEqual(['done', 'a']);
  expect(tookMs).toBeLessThan(1_000); // Postgres looks for deadlocks after 1 s
});

test('an endpoint is given although Postgres broke a deadlock', async () => {
  const { ended } = await againstAllocation('endpoints');
  expect(ended).toEqual(['done', 'a']);
});
