import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/db/client.js';
import { endSession, openSession } from '../../src/db/connection.js';
import { createDatabaseHealth } from '../../src/db/databaseHealth.js';
import { refuseUnfit } from '../../src/db/refuseUnfit.js';
import { createLog } from '../../src/log.js';
import { ensureDatabase, migrate, waitForDatabase } from '../../src/postgres/migrate.js';
import { type DebianPostgres, PASSWORD, startDebianPostgres } from '../support/debianPostgres.js';

const migrations = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
const log = createLog('silent');

let postgres: DebianPostgres;
beforeAll(async () => {
  postgres = await startDebianPostgres();
});
afterAll(() => postgres?.stop());

/** As a server starts on it. */
async function start(url: string, connections = 20): Promise<void> {
  await waitForDatabase(url, 1_000);
  await ensureDatabase(url, log);
  await refuseUnfit(url, connections);
  await migrate(url, migrations, log);
}

async function whyNot(url: string, connections?: number): Promise<string> {
  const said = await start(url, connections).then(
    () => 'started',
    (err: Error) => err.message,
  );
  expect(said).not.toContain(PASSWORD);
  expect(said).not.toContain(encodeURIComponent(PASSWORD));
  return said;
}

describe("a Postgres 15 of the user's own", () => {
  test('is used, in a database that is made with the encoding that it needs', async () => {
    await start(postgres.url('vapiorc'));
    const session = await openSession(postgres.url('vapiorc'), { name: 'test' });
    expect((await session.query('SHOW server_encoding')).rows).toEqual([{ server_encoding: 'UTF8' }]);
    await endSession(session);
  });

  test('is asked again by health', async () => {
    await start(postgres.url('asked'));
    const db = openDatabase(postgres.url('asked'), 2);
    const place = { url: postgres.url('asked'), elsewhere: undefined };
    expect(await createDatabaseHealth(db, place, 2)()).toMatchObject({ status: 'OK' });
    await postgres.sql('ALTER DATABASE asked SET session_replication_role = replica');
    expect(await createDatabaseHealth(db, place, 2)()).toMatchObject({
      status: 'DEGRADED',
      message: expect.stringContaining('take session_replication_role out of the settings'),
    });
    await db.$disconnect();
  });

  test('whose database has another encoding says so, with the statement that makes another', async () => {
    await postgres.sql('CREATE DATABASE latin');
    expect(await whyNot(postgres.url('latin'))).toMatch(
      /the database latin has the encoding LATIN1, not UTF8: .*CREATE DATABASE latin_utf8 ENCODING 'UTF8'/,
    );
  });

  test('whose schema is not ours to make tables in says so; the advice helps', async () => {
    await postgres.sql(`CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'`);
    await postgres.sql(`CREATE DATABASE owned TEMPLATE template0 ENCODING 'UTF8'`);
    const url = postgres.url('owned', { user: 'app' });
    const said = await whyNot(url);
    expect(said).toContain(
      'the user app may not make tables in the schema public: GRANT USAGE, CREATE ON SCHEMA "public" TO "app"',
    );
    await postgres.sql('GRANT USAGE, CREATE ON SCHEMA "public" TO "app"', 'owned');
    await start(url);
  });

  test('with a schema named like the role is used in the one that was meant', async () => {
    await postgres.sql(`CREATE ROLE named LOGIN PASSWORD '${PASSWORD}'`);
    await postgres.sql(`CREATE DATABASE home TEMPLATE template0 ENCODING 'UTF8' OWNER named`);
    await postgres.sql('CREATE SCHEMA named AUTHORIZATION named', 'home');
    const url = postgres.url('home', { user: 'named' });
    await start(url);
    const db = openDatabase(url, 2);
    expect(await db.pool.count()).toBe(0);
    await db.$disconnect();
  });

  test('that allows too few connections says how many it needs; with the setting it works', async () => {
    await postgres.sql(`CREATE ROLE few LOGIN PASSWORD '${PASSWORD}' CONNECTION LIMIT 8`);
    await postgres.sql(`CREATE DATABASE few TEMPLATE template0 ENCODING 'UTF8' OWNER few`);
    const url = postgres.url('few', { user: 'few' });
    expect(await whyNot(url)).toContain(
      'may open 8 connections, and this server opens 23: set VAPIORC_DATABASE_CONNECTIONS to 5 or less',
    );
    await start(url, 5);
  });

  test.each([
    ['a wrong password', () => `postgresql://postgres:wrong@localhost:${postgres.port}/x`, 'Check user and password'],
    ['a port where nobody is', () => 'postgresql://u:p@127.0.0.1:9/x', 'Start it, or check host and port'],
    ['a host that is not there', () => 'postgresql://u:p@nowhere.invalid:5432/x', 'Check the host name'],
    [
      'verify-full and a certificate that nobody signed',
      () => postgres.url('x', { query: '?sslmode=verify-full' }),
      'sslrootcert=/path/to/ca.pem, or ?sslmode=require',
    ],
    [
      'a certificate file that is not there',
      () => postgres.url('x', { query: '?sslmode=verify-full&sslrootcert=/nowhere.pem' }),
      'Check the file',
    ],
  ])('with %s says what to do', async (_case, url, fix) => expect(await whyNot(url())).toContain(fix));

  test('with a certificate of its own works by sslmode=require, and by verify-full with its certificate', async () => {
    await start(postgres.url('tls', { query: '?sslmode=require' }));
    await start(postgres.url('tls', { query: `?sslmode=verify-full&sslrootcert=${postgres.certificate}` }));
  });
});

describe('a pooler in front', () => {
  test('that lends sessions by the transaction is refused with the fix', async () => {
    await postgres.sql(`CREATE DATABASE pooled TEMPLATE template0 ENCODING 'UTF8'`);
    const port = await postgres.pooler('transaction');
    expect(await whyNot(postgres.url('pooled', { port }))).toContain('pooler in transaction mode');
  });

  test('that keeps sessions whole works', async () => {
    await postgres.sql(`CREATE DATABASE sessions TEMPLATE template0 ENCODING 'UTF8'`);
    const port = await postgres.pooler('session');
    await start(postgres.url('sessions', { port }));
    const db = openDatabase(postgres.url('sessions', { port }), 2);
    for (let n = 0; n < 10; n++) expect(await db.pool.count({ where: { maxVms: n } })).toBe(0);
    await db.$disconnect();
  });
});
