import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { type EventFilter, eventsAfter, lastSeq, seqBeforeNewest } from '../../src/db/events.js';
import { IN_TURN } from '../../src/db/queue.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const EVENTS = 50_000;
const rare = randomUUID();
/** The pool of all that is not rare. */
const common = randomUUID();

let database: TestDatabase;
let db: Db;
let admin: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  // A log of many VMs of one vmType; of the rare subjects, one event each in its middle.
  await admin.query(
    `INSERT INTO "Event" ("kind", "vmType", "poolId", "vmId", "goldenImageId", "assignmentId", "actor")
     SELECT (ARRAY['VM_REQUESTED', 'VM_BOOTING', 'VM_READY', 'VM_ASSIGNED'])[n % 4 + 1], '11', $2, gen_random_uuid(),
       CASE WHEN n % 50 = 0 THEN gen_random_uuid() END, CASE WHEN n % 4 = 3 THEN gen_random_uuid() END, 'api'
     FROM generate_series(1, $1) AS n`,
    [EVENTS, common],
  );
  const middle = Math.floor(EVENTS / 2);
  await admin.query(
    `UPDATE "Event" SET "vmId" = $1, "goldenImageId" = $1, "assignmentId" = $1, "poolId" = $1, "vmType" = '2022', "kind" = 'POOL_BLOCKED' WHERE "seq" = $2`,
    [rare, middle],
  );
  await admin.query('VACUUM ANALYZE "Event"');
}, 60_000);
afterAll(async () => {
  await admin.end();
  await db.$disconnect();
  await database.drop();
});

/** Blocks of the table and its indexes that a call of ours read, as Postgres counts them for the whole database. */
async function blocksRead(work: () => Promise<unknown>, table = 'Event'): Promise<number> {
  const count = async () => {
    await admin.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await admin.query<{ blocks: string }>(
      `SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0)) AS blocks
       FROM pg_statio_user_tables WHERE relname = $1`,
      [table],
    );
    return Number(rows[0]?.blocks);
  };
  /** Each connection hands its counts in when it has been idle for a moment, or at its end. */
  const settled = async () => {
    await db.$disconnect();
    for (let last = await count(); ; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const now = await count();
      if (now === last) return now;
      last = now;
    }
  };
  const before = await settled();
  await work();
  return (await settled()) - before;
}

const filters: [string, EventFilter][] = [
  ['all', {}],
  ['a VM', { vmId: rare }],
  ['a golden image', { goldenImageId: rare }],
  ['an assignment', { assignmentId: rare }],
  ['a vmType', { vmType: '2022' }],
  ['a pool', { poolId: rare }],
  ['a kind', { kinds: ['POOL_BLOCKED'] }],
  ['several kinds', { kinds: ['POOL_BLOCKED', 'POOL_CHANGED', 'VM_FAILED'] }],
  ['kinds and a vmType', { kinds: ['VM_READY', 'POOL_BLOCKED'], vmType: '2022' }],
  ['a rare kind of a common vmType', { kinds: ['POOL_BLOCKED'], vmType: '11' }],
  ['kinds and a pool', { kinds: ['VM_READY', 'POOL_BLOCKED'], poolId: rare }],
  ['a rare kind of a common pool', { kinds: ['POOL_BLOCKED'], poolId: common }],
  ['kinds of a VM', { kinds: ['POOL_BLOCKED'], vmId: rare }],
  ['nothing there is', { vmId: randomUUID(), vmType: '11', kinds: ['VM_READY'] }],
];

describe('a page of the log reads no more than it answers:', () => {
  test.each(filters)('%s', async (_name, filter) => {
    // As often as it takes until a connection's plan is the one for any value.
    const blocks = await blocksRead(async () => {
      for (let n = 0; n < 10; n++) await eventsAfter(db, 0n, 50, filter);
    });
    expect(blocks / 10).toBeLessThan(400); // all of the log are some 1,000, and more by way of an index
  });

  test('the newest one', async () => {
    expect(await blocksRead(() => lastSeq(db))).toBeLessThan(20);
  });
});

test('nor does a page of a list', async () => {
  await admin.query(
    `INSERT INTO "Assignment" ("id", "poolId", "vmType", "assignedTo", "status", "reason", "endedAt")
     SELECT gen_random_uuid(), $1, '11', 'job ' || n % 100, 'ENDED', 'over', now() FROM generate_series(1, 20000) AS n`,
    [common],
  );
  await admin.query(
    `UPDATE "Assignment" SET "assignedTo" = 'rare', "poolId" = $1, "vmType" = '10' WHERE "turn" = 10000`,
    [rare],
  );
  await admin.query('VACUUM ANALYZE "Assignment"');
  for (const where of [{ assignedTo: 'rare' }, { vmType: '10' }, { poolId: rare }, { status: 'QUEUED' as const }]) {
    const page = () => db.assignment.findMany({ where, orderBy: IN_TURN, take: 51 });
    const blocks = await blocksRead(async () => {
      for (let n = 0; n < 10; n++) await page();
    }, 'Assignment');
    expect([where, blocks / 10]).toEqual([where, expect.toSatisfy((count: number) => count < 200)]); // all are some 400
  }
});

test('what comes is what was asked for, in order', async () => {
  for (const [name, filter] of filters) {
    const page = await eventsAfter(db, 0n, 50, filter);
    const { kinds, ...exact } = filter;
    const simple = await db.event.findMany({
      where: { ...exact, ...(kinds && { kind: { in: [...kinds] } }) },
      orderBy: { seq: 'asc' },
      take: 50,
    });
    expect([name, page]).toEqual([name, simple]);
  }
  expect(await lastSeq(db)).toBe(BigInt(EVENTS));
  expect(await seqBeforeNewest(db, 10)).toBe(BigInt(EVENTS - 10));
  expect(await seqBeforeNewest(db, EVENTS)).toBe(0n);
});
