import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOrders, type Order } from '../../src/actions/assignment/orders.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { serveQueue } from '../../src/db/assignments.js';
import { type Db, openDatabase } from '../../src/db/client.js';
import { eventsAfter } from '../../src/db/events.js';
import { createWrite } from '../../src/db/write.js';
import { ANYONE } from '../../src/domain/principal.js';
import { migrate } from '../../src/postgres/migrate.js';
import { type TestDatabase, unbornDatabase } from '../support/database.js';

/** A database as it was when pools had no name: three vmTypes with images, one without, VMs in all states, a queue, their events. */
const FIXTURE = fileURLToPath(new URL('fixtures/before_pools_by_name.sql', import.meta.url));
const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
/** The last migration of its time. */
const LAST_OLD = '20261128082300_time_of_the_database';
const THIS_ONE = '20261128181000_pools_by_name';
const log = pino({ level: 'silent' });

type Rows = Record<string, Record<string, unknown>[]>;

let database: TestDatabase;
let before: Rows;
let atPorts: { id: string; port: number; containerId: string }[];
let after: Rows;
let db: Db;

beforeAll(async () => {
  database = unbornDatabase();
  const known = await mkdtemp(join(tmpdir(), 'vapiorc-migrations-'));
  const copy = (name: string) => cp(join(MIGRATIONS, name), join(known, name), { recursive: true });
  const names = await readdir(MIGRATIONS);
  for (const name of names) if (name <= LAST_OLD) await copy(name);
  await migrate(database.url, known, log);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(await readFile(FIXTURE, 'utf8'));
  const { rows } = await client.query(
    'SELECT "id", "port", "containerId" FROM "Vm" WHERE "port" IS NOT NULL ORDER BY "id"',
  );
  atPorts = rows;
  for (const name of names) if (name < THIS_ONE) await copy(name);
  await migrate(database.url, known, log);
  before = await allRows(client);
  await copy(THIS_ONE);
  expect(await migrate(database.url, known, log)).toEqual([THIS_ONE]);
  after = await allRows(client);
  await client.end();
  await rm(known, { recursive: true });
  // And what came later.
  await migrate(database.url, MIGRATIONS, log);
  db = openDatabase(database.url);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

async function allRows(client: pg.Client): Promise<Rows> {
  const rows: Rows = {};
  for (const table of ['GoldenImage', 'Pool', 'Vm', 'Command', 'Assignment', 'Event'])
    rows[table] = (await client.query(`SELECT * FROM "${table}"`)).rows;
  return rows;
}

const tableOf = (rows: Rows, table: string) => rows[table] ?? [];

test.each(['GoldenImage', 'Pool', 'Vm', 'Command', 'Assignment', 'Event'])(
  'every row of %s says what it said',
  (table) => {
    const [was, is] = [tableOf(before, table), tableOf(after, table)];
    expect(was.length).toBeGreaterThan(0);
    expect(is).toHaveLength(was.length);
    for (const row of was) expect(is).toContainEqual(expect.objectContaining(row));
  },
);

test('a VM is reached where it was, and is the same to its engine', async () => {
  expect(atPorts.length).toBeGreaterThan(3);
  const select = { id: true, endpoint: true, engineId: true } as const;
  const vms = await db.vm.findMany({ where: { endpoint: { not: null } }, select, orderBy: { id: 'asc' } });
  expect(vms).toEqual(
    atPorts.map(({ id, port, containerId }) => ({ id, endpoint: String(port), engineId: containerId })),
  );
});

test('each vmType has a line and a pool of its name, which its images, VMs and requests are of', async () => {
  const pools = await db.pool.findMany({ orderBy: { name: 'asc' }, include: { line: true } });
  expect(pools.map(({ name, vmType, line }) => [name, vmType, line.name, line.vmType])).toEqual(
    ['10', '11', '2022', 'xp'].map((vmType) => [vmType, vmType, vmType, vmType]),
  );
  const poolOf = new Map(pools.map((pool) => [pool.vmType, pool]));
  for (const { vmType, lineId } of await db.goldenImage.findMany()) expect(lineId).toBe(poolOf.get(vmType)?.lineId);
  for (const { vmType, poolId } of await db.vm.findMany()) expect(poolId).toBe(poolOf.get(vmType)?.id);
  for (const { vmType, poolId } of await db.assignment.findMany()) expect(poolId).toBe(poolOf.get(vmType)?.id);
});

test('a cursor from before goes on where it was, and the log is by pool as it was by vmType', async () => {
  const events = (await db.event.findMany({ orderBy: { seq: 'asc' } })) as Awaited<ReturnType<typeof eventsAfter>>;
  const cursor = events[20]?.seq ?? 0n;
  expect(await eventsAfter(db, cursor, 1000)).toEqual(events.slice(21));
  const { id: poolId } = await db.pool.findUniqueOrThrow({ where: { name: '11' } });
  const ofPool = events.filter(({ vmType, kind }) => vmType === '11' && !kind.startsWith('GOLDEN_IMAGE'));
  expect(ofPool.length).toBeGreaterThan(10);
  expect(await eventsAfter(db, 0n, 1000, { poolId })).toEqual(ofPool);
});

test('VMs are assigned and released, in the order in which they were waited for before', async () => {
  const writeAs = createWrite(db, () => {});
  const write = writeAs(ANYONE);
  const ask = createOrders({ writeAs });
  const assignVm = (order: Order) => ask(order, ANYONE);
  const spare = await db.vm.findFirstOrThrow({ where: { vmType: '11', status: 'READY' }, orderBy: { readyAt: 'asc' } });
  expect(await assignVm({ vmType: '11', assignedTo: 'after' })).toMatchObject({ status: 'FULFILLED', vmId: spare.id });
  expect(await assignVm({ vmType: '10', assignedTo: 'last' })).toMatchObject({ status: 'QUEUED' });
  const first = await db.assignment.findUniqueOrThrow({ where: { idempotencyKey: 'key-4' } });
  expect(await assignVm({ vmType: '10', assignedTo: 'job 4', idempotencyKey: 'key-4' })).toEqual(first);

  const ready = await db.vm.findFirstOrThrow({ where: { vmType: '10', status: 'READY' } });
  await db.vm.update({ where: { id: ready.id }, data: { hotSpare: true } });
  const pool = await db.pool.findUniqueOrThrow({ where: { name: '10' } });
  expect(await write((tx, tell) => serveQueue(tx, pool, 5, tell))).toBe(1);
  expect(await db.assignment.findUniqueOrThrow({ where: { id: first.id } })).toMatchObject({ vmId: ready.id });
  expect(await releaseVm({ write }, { id: ready.id })).toMatchObject({ changed: true, vm: { status: 'RELEASING' } });
});
