import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate, waitForDatabase } from '../../src/postgres/migrate.js';
import { createTestDatabase, type TestDatabase, unbornDatabase } from '../support/database.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const real = join(root, 'prisma/migrations');

let database: TestDatabase;
let dir: string;
let lines: string[];
let log: pino.Logger;

beforeEach(async () => {
  database = unbornDatabase();
  dir = await mkdtemp(join(tmpdir(), 'vapiorc-migrations-'));
  lines = [];
  log = pino(
    {},
    new PassThrough().on('data', (line: Buffer) => lines.push(line.toString())),
  );
});
afterEach(async () => {
  await database.drop();
  await rm(dir, { recursive: true });
});

async function aMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(join(dir, name, 'migration.sql'), sql);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The exit code and output of Prisma's own CLI on this database. */
async function prisma(...args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, DATABASE_URL: database.url, NO_COLOR: '1' };
  return promisify(execFile)(join(root, 'node_modules/.bin/prisma'), args, { cwd: root, env }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (err) => ({ code: err.code, output: err.stdout + err.stderr }),
  );
}

test('makes the database, applies what is missing, and finds nothing to do the second time', async () => {
  expect(await migrate(database.url, real, log)).toEqual(
    (await readdir(real, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => e.name),
  );
  expect(await migrate(database.url, real, log)).toEqual([]);
  expect(lines.filter((line) => line.includes('database migrated'))).toHaveLength(1);
});

test("afterwards Prisma's own CLI says that all is in sync, and the migrations make what the schema says", async () => {
  await migrate(database.url, real, log);

  expect(await prisma('migrate', 'status')).toMatchObject({
    code: 0,
    output: expect.stringContaining('Database schema is up to date'),
  });
  expect(await prisma('migrate', 'deploy')).toMatchObject({
    code: 0,
    output: expect.stringContaining('No pending migrations'),
  });
  expect(
    await prisma('migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--exit-code'),
  ).toEqual({ code: 0, output: expect.any(String) });
});

test("what Prisma's CLI applied is not applied again", async () => {
  expect(await prisma('migrate', 'deploy')).toMatchObject({ code: 0 });

  expect(await migrate(database.url, real, log)).toEqual([]);
  expect(lines).toEqual([]);
});

test('of four servers that start at once on a server without the database, one applies and all go on', async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url, real, log)));

  expect(answers.filter((names) => names.length > 0)).toHaveLength(1);
  expect(
    await query('SELECT count(*)::int AS n FROM _prisma_migrations GROUP BY migration_name HAVING count(*) > 1'),
  ).toEqual([]);
});

test('a migration that fails is named, with its line; nothing of it stays, and it is applied once it is mended', async () => {
  await aMigration('1_good', 'CREATE TABLE a (id INT);');
  await aMigration('2_bad', 'CREATE TABLE b (id INT);\nCREATE TABLE c (id NONSENSE);');

  await expect(migrate(database.url, dir, log)).rejects.toThrow(
    /migration 2_bad failed and was undone: .*nonsense.* \(line 2 of migration.sql\)/,
  );
  expect(await query("SELECT to_regclass('a')::text AS a, to_regclass('b')::text AS b")).toEqual([{ a: 'a', b: null }]);

  await aMigration('2_bad', 'CREATE TABLE b (id INT);');
  expect(await migrate(database.url, dir, log)).toEqual(['2_bad']);
});

test('a server that is killed in the middle of a migration leaves nothing that the next one stumbles over', async () => {
  await migrate(database.url, dir, log); // makes the database
  await aMigration('1_slow', 'CREATE TABLE a (id INT); SELECT pg_sleep(600);');
  const cut = expect(migrate(database.url, dir, log)).rejects.toThrow('1_slow');
  await terminateOnceAsleep();
  await cut;

  await aMigration('1_slow', 'CREATE TABLE a (id INT);');
  expect(await migrate(database.url, dir, log)).toEqual(['1_slow']);
});

test("a migration that failed under Prisma's CLI is refused by name, until it is resolved", async () => {
  await cp(real, dir, { recursive: true });
  await migrate(database.url, dir, log);
  const [{ migration_name: name }] = (await query(
    "UPDATE _prisma_migrations SET finished_at = NULL, logs = E'it broke\\nthere' WHERE migration_name LIKE '%_init' RETURNING migration_name",
  )) as [{ migration_name: string }];

  await expect(migrate(database.url, dir, log)).rejects.toThrow(
    new RegExp(`migration ${name} failed.*prisma migrate resolve --rolled-back ${name}.*it broke$`),
  );

  expect(await prisma('migrate', 'resolve', '--applied', name)).toMatchObject({ code: 0 });
  expect(await migrate(database.url, dir, log)).toEqual([]);
});

test('a database that is newer than the code is refused', async () => {
  await aMigration('1_known', 'SELECT 1');
  await aMigration('2_future', 'SELECT 1');
  await migrate(database.url, dir, log);
  await rm(join(dir, '2_future'), { recursive: true });

  await expect(migrate(database.url, dir, log)).rejects.toThrow(/newer than this vapiorc.*2_future/);
});

test('a migration that was edited after it was applied is warned about', async () => {
  await aMigration('1_first', 'SELECT 1');
  await migrate(database.url, dir, log);
  await aMigration('1_first', 'SELECT 2');

  expect(await migrate(database.url, dir, log)).toEqual([]);
  expect(lines.at(-1)).toContain('was edited');
});

test('a database that is away is named by host, without the password', async () => {
  const refused = await migrate('postgresql://u:s3cret@127.0.0.1:1/x', real, log).catch((err: Error) => err);
  expect((refused as Error).message).toMatch(/database x at 127\.0\.0\.1:1 could not be opened: .*ECONNREFUSED/);

  const wrong = new URL(database.url);
  wrong.password = 's3cret';
  const denied = await migrate(wrong.href, real, log).catch((err: Error) => err);
  expect((denied as Error).message).toContain('password authentication failed');

  expect(String(refused) + String(denied)).not.toContain('s3cret');
});

test('a missing database that this user may not make says how to make it', async () => {
  const existing = await createTestDatabase();
  const role = `poor_${process.pid}`;
  const admin = new pg.Client({ connectionString: existing.url });
  await admin.connect();
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  const poor = new URL(database.url);
  poor.username = role;
  poor.password = 'x';

  await expect(migrate(poor.href, real, log)).rejects.toThrow(
    /there is no database .* and this user may not create it: create it/,
  );

  await admin.query(`DROP ROLE ${role}`);
  await admin.end();
  await existing.drop();
});

test('waitForDatabase waits for a server that is yet to come, and its limit names the host', async () => {
  await waitForDatabase(database.url, 1000); // a missing database is no reason to wait

  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const away = new URL(database.url);
  away.port = String(port);
  await expect(waitForDatabase(away.href, 600)).rejects.toThrow(`127.0.0.1:${port} could not be opened for 1 s`);

  const waiting = waitForDatabase(away.href, 10_000);
  const target = new URL(database.url);
  const proxy = createServer((socket) =>
    socket.pipe(connect(Number(target.port), target.hostname)).pipe(socket),
  ).listen(port, '127.0.0.1');
  await waiting;
  await new Promise((resolve) => proxy.close(resolve));
});

test('waitForDatabase does not wait for a server that falls silent after the login', async () => {
  const { hostname, port } = new URL(database.url);
  const relay = createServer((caller) => {
    const server = connect({ host: hostname, port: Number(port) });
    server.on('error', () => caller.destroy());
    caller.on('error', () => server.destroy()).on('close', () => server.destroy());
    caller.pipe(server);
    // Up to where it is ready for a query: 'Z', its length, 'I'.
    server.on('data', (piece: Buffer) => {
      caller.write(piece);
      if (piece.includes(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) server.pause();
    });
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const silent = new URL(database.url);
  silent.host = `127.0.0.1:${(relay.address() as AddressInfo).port}`;
  silent.pathname = '/postgres';
  await expect(waitForDatabase(silent.href, 500)).rejects.toThrow('could not be opened');
  relay.close();
}, 15_000);

test('waitForDatabase does not wait for what no wait mends', async () => {
  const wrong = new URL(database.url);
  wrong.password = 's3cret';

  await expect(waitForDatabase(wrong.href, 60_000)).rejects.toThrow('password authentication failed');
});

async function terminateOnceAsleep(): Promise<void> {
  await expect
    .poll(
      () =>
        query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
        ),
      {
        timeout: 10_000,
      },
    )
    .toHaveLength(1);
}
