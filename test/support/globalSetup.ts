import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { createLog } from '../../src/log.js';
import { startEmbeddedPostgres } from '../../src/postgres/embedded.js';
import { migrate } from '../../src/postgres/migrate.js';

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { adminUrl: string; template: string; prefix: string };
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * One Postgres for the whole run, with a migrated template that each test file copies. The folder is the same for every run
 * of this checkout: runs at the same time share it, and one that was killed leaves nothing that the next does not take over.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = createLog('warn');
  const checkout = createHash('sha256').update(root).digest('hex').slice(0, 8);
  const dir = join(tmpdir(), `vapiorc-test-${process.getuid?.()}-${checkout}`);
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '300' };
  const cluster = await startEmbeddedPostgres({ dir, log, settings }).catch((cause) => {
    throw new Error(`no Postgres for the tests; if the machine crashed, remove ${dir}. ${cause.message}`, { cause });
  });
  const adminUrl = withDatabase(cluster.url, 'postgres');
  const run = `${process.pid}_${randomBytes(4).toString('hex')}`;
  const template = `template_${run}`;
  try {
    await dropLeftovers(adminUrl);
    await migrate(withDatabase(cluster.url, template), join(root, 'prisma/migrations'), log);
  } catch (err) {
    await cluster.stop();
    throw err;
  }
  project.provide('postgres', { adminUrl, template, prefix: `test_${run}` });

  return async () => {
    if (process.env.VAPIORC_KEEP_TEST_DATABASES === '1') return; // Postgres stays up; the next run drops them
    await onServer(adminUrl, (client) => client.query(`DROP DATABASE ${template} WITH (FORCE)`));
    await cluster.stop();
  };
}

/** What a run that was killed left behind: a database carries the process id of its run. */
function dropLeftovers(adminUrl: string): Promise<void> {
  return onServer(adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      "SELECT datname FROM pg_database WHERE datname ~ '^(test|template)_[0-9]+_'",
    );
    for (const { datname } of rows) {
      if (!isAlive(Number(datname.split('_')[1])))
        await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
    }
  });
}

async function onServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
