import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endSession, openSession, patiently, schemaOf } from '../db/connection.js';
import { LOCKS } from '../db/locks.js';
import type { Logger } from '../log.js';
import { sqlState, unreachable } from './unreachable.js';

const CONNECT_LIMIT_MS = 10_000;
/** How long another server may take to migrate. */
const LOCK_LIMIT_MS = 120_000;
/** How long one migration, or the making of a database, may take. */
const CHANGE_LIMIT_MS = 24 * 3_600_000;
const RETRY_EVERY_MS = 250;

/** SQLSTATEs of interest. */
const NO_SUCH_DATABASE = '3D000';
const DATABASE_EXISTS = '42P04';
const NOT_ALLOWED = '42501';
const LOCK_TIMED_OUT = '55P03';
/** Answers of a server that will soon say something else: starting, stopping, recovering, full. */
const PASSING = ['57P03', '57P01', '57P02', '53300'];

type Row = { migration_name: string; checksum: string; finished_at: Date | null; logs: string | null };

/**
 * Applies the migrations in `dir` that the database lacks, and answers their names; makes the database when it is missing.
 * Servers that start together take turns: one applies, the others find nothing to do. Keeps Prisma's own table, so that its
 * CLI takes over at any time, and the other way round. Prisma's CLI itself is not needed: 20 ms when there is nothing to do.
 *
 * A migration and its record are one transaction: whenever it is cut short, it has not happened. So it can't hold a
 * statement that must stand outside of one, such as CREATE INDEX CONCURRENTLY.
 *
 * @throws Error  which says what to do: the database can't be reached or made, is newer than this code, or a migration failed.
 */
export async function migrate(url: string, dir: string, log: Logger): Promise<string[]> {
  const startedAt = performance.now();
  const files = await readMigrations(dir);
  const client = await connectOrCreate(url, log);
  try {
    await lock(client);
    await createSchema(client, schemaOf(url));
    const applied = await appliedMigrations(client);
    refuseUnsound(applied, files);
    const done = new Map(applied.map((row) => [row.migration_name, row.checksum]));
    const fresh: string[] = [];
    for (const { name, sql, checksum } of files) {
      if (!done.has(name)) {
        await apply(client, name, sql, checksum);
        fresh.push(name);
      } else if (done.get(name) !== checksum) {
        log.warn({ migration: name }, 'migration was edited after it was applied; the database has the older one');
      }
    }
    if (fresh.length > 0)
      log.info({ migrations: fresh, ms: Math.round(performance.now() - startedAt) }, 'database migrated');
    return fresh;
  } finally {
    await endSession(client); // the lock goes with the session
  }
}

/**
 * Returns once the database server answers, even if only to say that the database is missing, which `migrate` mends.
 *
 * @throws Error  with the host and the last reason after `limitMs`; at once for what no wait mends, such as a wrong password.
 */
export async function waitForDatabase(url: string, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      await endSession(await connect(url, Math.max(1000, Math.min(CONNECT_LIMIT_MS, deadline - Date.now()))));
      return;
    } catch (err) {
      const code = sqlState(err);
      if (code === NO_SUCH_DATABASE) return;
      if (code !== undefined && !PASSING.includes(code)) throw unreachable(url, err);
      if (Date.now() + RETRY_EVERY_MS > deadline) throw unreachable(url, err, limitMs);
    }
    await sleep(RETRY_EVERY_MS);
  }
}

/** Makes the database when it is missing. @throws Error  as `migrate` does */
export async function ensureDatabase(url: string, log: Logger): Promise<void> {
  await endSession(await connectOrCreate(url, log));
}

async function readMigrations(dir: string) {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause) => {
    throw new Error(`the migrations are missing: ${dir} can't be read; install vapiorc with its prisma folder`, {
      cause,
    });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(dir, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

function connect(url: string, connectLimitMs = CONNECT_LIMIT_MS): Promise<pg.Client> {
  return openSession(url, { name: 'vapiorc migrate', connectLimitMs, statementLimitMs: connectLimitMs });
}

async function connectOrCreate(url: string, log: Logger): Promise<pg.Client> {
  try {
    return await connect(url);
  } catch (err) {
    if (sqlState(err) !== NO_SUCH_DATABASE) throw unreachable(url, err);
  }
  const parsed = new URL(url);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  parsed.pathname = '/postgres';
  try {
    const admin = await connect(parsed.href);
    try {
      await lock(admin); // else two at once stand in each other's way at template1
      // The cluster's own encoding may be another.
      await patiently(
        admin,
        CHANGE_LIMIT_MS,
        `CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
      );
      log.info({ database, host: parsed.host }, 'database created');
    } finally {
      await endSession(admin);
    }
  } catch (cause) {
    if (sqlState(cause) !== DATABASE_EXISTS) {
      const why = sqlState(cause) === NOT_ALLOWED ? 'this user may not create it' : (cause as Error).message;
      throw new Error(
        `there is no database ${database} at ${parsed.host}, and ${why}: create it (CREATE DATABASE) and let the user own it`,
        {
          cause,
        },
      );
    }
  }
  return connect(url);
}

async function lock(client: pg.Client): Promise<void> {
  try {
    await client.query(`SET lock_timeout = ${LOCK_LIMIT_MS}`);
    await patiently(client, LOCK_LIMIT_MS + 5_000, 'SELECT pg_advisory_lock($1)', [String(LOCKS.migration)]);
    await client.query('SET lock_timeout = 0');
  } catch (cause) {
    if (sqlState(cause) !== LOCK_TIMED_OUT) throw cause;
    throw new Error(
      `somebody has held the migration lock for ${LOCK_LIMIT_MS / 1000} s: another server that migrates, or a session left open by Prisma's CLI. ` +
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCKS.migration} shows who`,
      { cause },
    );
  }
}

/** Only where it is missing: who may not create one may be given one. */
async function createSchema(client: pg.Client, schema: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`);
}

async function appliedMigrations(client: pg.Client): Promise<Row[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL,
    logs TEXT,
    rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`);
  const { rows } = await client.query<Row>(
    'SELECT migration_name, checksum, finished_at, logs FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  return rows;
}

/** We hold the lock, so what is not finished is not in progress either: Prisma's CLI failed at it. */
function refuseUnsound(applied: Row[], files: { name: string }[]): void {
  const failed = applied.find((row) => row.finished_at === null);
  if (failed) {
    const name = failed.migration_name;
    throw new Error(
      `migration ${name} failed in this database and may be there in part. Mend the database, then say so: ` +
        `npx prisma migrate resolve --rolled-back ${name} (it will be applied again), or --applied ${name}` +
        (failed.logs ? `. It failed with: ${failed.logs.trim().split('\n')[0]}` : ''),
    );
  }
  const ours = new Set(files.map((file) => file.name));
  const unknown = applied.map((row) => row.migration_name).filter((name) => !ours.has(name));
  if (unknown.length > 0) {
    throw new Error(
      `the database is newer than this vapiorc, which does not know ${unknown.join(', ')}: ` +
        'start the version that applied it, or restore the backup from before',
    );
  }
}

async function apply(client: pg.Client, name: string, sql: string, checksum: string): Promise<void> {
  const startedAt = new Date();
  try {
    await client.query('BEGIN');
    await patiently(client, CHANGE_LIMIT_MS, sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, $4, now(), 1)`,
      [randomUUID(), checksum, name, startedAt],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => undefined); // the connection may be what failed
    const { message, position } = cause as pg.DatabaseError;
    const line = position ? ` (line ${sql.slice(0, Number(position)).split('\n').length} of migration.sql)` : '';
    throw new Error(`migration ${name} failed and was undone: ${message}${line}. Mend the cause and start again`, {
      cause,
    });
  }
}
