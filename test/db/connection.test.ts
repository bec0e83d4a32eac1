import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { createOrders } from '../../src/actions/assignment/orders.js';
import { openDatabase } from '../../src/db/client.js';
import { endSession, openSession } from '../../src/db/connection.js';
import { eventsAfter } from '../../src/db/events.js';
import { Leader } from '../../src/db/leader.js';
import { createWrite } from '../../src/db/write.js';
import { createLog } from '../../src/log.js';
import { migrate } from '../../src/postgres/migrate.js';
import { orders } from '../support/actions.js';
import { createTestDatabase, type TestDatabase, unbornDatabase } from '../support/database.js';
import { aVm } from '../support/rows.js';

const migrations = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
const log = createLog('silent');

let database: TestDatabase | undefined;
afterEach(async () => {
  await database?.drop();
  database = undefined;
});

/** What a role, a database or a server may carry, in the values that change most. */
const HOSTILE = [
  `DateStyle = 'German, DMY'`,
  `DateStyle = 'SQL, MDY'`,
  `IntervalStyle = 'sql_standard'`,
  `TimeZone = 'Asia/Kathmandu'`,
  `search_path = 'pg_catalog'`,
  `search_path = ''`,
  `client_encoding = 'LATIN1'`,
  'default_transaction_read_only = on',
  `default_transaction_isolation = 'serializable'`,
  'default_transaction_deferrable = on',
  'statement_timeout = 50',
  'lock_timeout = 1',
  'idle_in_transaction_session_timeout = 1',
  'standard_conforming_strings = off',
  `bytea_output = 'escape'`,
  'extra_float_digits = -15',
  'array_nulls = off',
  'transform_null_equals = on',
  'synchronous_commit = off',
  'quote_all_identifiers = on',
  `plan_cache_mode = 'force_generic_plan'`,
  'row_security = off',
];

async function asAdmin(url: string, sql: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await admin.connect();
  try {
    await admin.query(sql);
  } finally {
    await admin.end();
  }
}

/** A VM is assigned with a lease, and told of; what comes back is what went in. */
async function mainJob(url: string): Promise<void> {
  const db = openDatabase(url, 2);
  try {
    const vm = await aVm(db, { readyAt: new Date('2026-03-04T05:06:07.089Z') });
    const assignVm = orders(createOrders({ writeAs: createWrite(db, () => {}) }));
    const before = Date.now();

    const given = await assignVm({ vmType: '11', assignedTo: 'Zoë ☂ O\'Neil \\ "x"', leaseSeconds: 3600 });

    expect(given).toMatchObject({ status: 'FULFILLED', vmId: vm.id, assignedTo: 'Zoë ☂ O\'Neil \\ "x"' });
    const kept = await db.assignment.findFirstOrThrow();
    expect(Math.abs((kept.leaseExpiresAt?.getTime() ?? 0) - before - 3_600_000)).toBeLessThan(60_000);
    expect(await db.vm.findFirst()).toMatchObject({ status: 'ASSIGNED', readyAt: vm.readyAt });
    const [told] = await eventsAfter(db, 0n, 10);
    expect(told).toMatchObject({ kind: 'VM_ASSIGNED', data: { assignedTo: 'Zoë ☂ O\'Neil \\ "x"' } });
    expect(Math.abs((told?.at.getTime() ?? 0) - before)).toBeLessThan(60_000);
  } finally {
    await db.$disconnect();
  }
}

describe('a database that carries settings of its own', () => {
  test.each(HOSTILE)('%s: is migrated, and a VM is assigned in it all the same', async (setting) => {
    database = unbornDatabase();
    const { href, pathname } = new URL(database.url);
    await asAdmin(href.replace(pathname, '/postgres'), `CREATE DATABASE ${pathname.slice(1)}`);
    await asAdmin(href.replace(pathname, '/postgres'), `ALTER DATABASE ${pathname.slice(1)} SET ${setting}`);

    await migrate(database.url, migrations, log);

    await mainJob(database.url);
  });
});

test('what was committed is on disk, though the database asks for less; one that asks for more gets it', async () => {
  database = await createTestDatabase();
  const name = new URL(database.url).pathname.slice(1);
  for (const [asked, got] of [
    ['off', 'on'],
    ['remote_apply', 'remote_apply'],
  ]) {
    await asAdmin(database.url, `ALTER DATABASE ${name} SET synchronous_commit = ${asked}`);
    const session = await openSession(database.url, { name: 'test' });
    expect((await session.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: got }]);
    await endSession(session);
  }
});

test('deployments in two schemas of one database lead each for itself', async () => {
  database = await createTestDatabase();
  const leaders = await Promise.all(
    ['one', 'two'].map(async (schema) => {
      const url = `${database?.url}?schema=${schema}`;
      await migrate(url, migrations, log);
      let lead: (term: bigint) => void = () => {};
      const leads = new Promise<bigint>((resolve) => {
        lead = resolve;
      });
      const leader = new Leader({
        url,
        log,
        lead: async (term) => {
          lead(term);
          return async () => {};
        },
      });
      leader.start();
      return { leader, leads };
    }),
  );
  expect(await Promise.all(leaders.map(({ leads }) => leads))).toHaveLength(2);
  await Promise.all(leaders.map(({ leader }) => leader.stop()));
});

describe('a schema of its own', () => {
  test.each([
    ['named in the URL', 'vapi', ''],
    ['with capitals', 'Vapi', ''],
    ['in a database that searches elsewhere', 'vapi', 'other'],
  ])('%s holds every table, and the main job works in it', async (_case, schema, searched) => {
    database = unbornDatabase();
    const { href, pathname } = new URL(database.url);
    const name = pathname.slice(1);
    await asAdmin(href.replace(pathname, '/postgres'), `CREATE DATABASE ${name}`);
    if (searched) {
      await asAdmin(href, `CREATE SCHEMA ${searched}`);
      await asAdmin(href, `ALTER DATABASE ${name} SET search_path = ${searched}`);
    }
    const url = `${href}?schema=${encodeURIComponent(schema)}`;

    await migrate(url, migrations, log);
    await mainJob(url);

    const session = await openSession(href, { name: 'test' });
    const { rows } = await session.query(
      `SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`,
    );
    await endSession(session);
    expect(rows).toEqual([{ table_schema: schema }]);
  });
});
