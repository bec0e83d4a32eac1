import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { allotEndpoint } from '../../src/db/endpoints.js';
import { holdLock, LOCKS } from '../../src/db/locks.js';
import { lockVm } from '../../src/db/vms.js';
import { createWrite } from '../../src/db/write.js';
import { RECONCILER } from '../../src/domain/principal.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { gate } from '../support/gate.js';
import { aVm } from '../support/rows.js';
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

/** Holds the VM's row, and takes the lock once somebody who holds one waits for that row. */
async function againstAllocation(name: 'endpoints' | 'computerNames') {
  const { id } = await aVm(db);
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
