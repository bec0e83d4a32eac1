import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  url: string;
  /** Removes it, with whoever is still connected. VAPIORC_KEEP_TEST_DATABASES=1 keeps it, and says where it is. */
  drop(): Promise<void>;
}

/** A migrated, empty database of its own, copied from the template of this run: some 30 ms. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, template, prefix } = inject('postgres');
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await query(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      if (process.env.VAPIORC_KEEP_TEST_DATABASES === '1') console.error(`kept ${url.href}`);
      else await query(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** An empty database that not even `migrate` has seen. It does not exist yet; dropping it is the same. */
export function unbornDatabase(): TestDatabase {
  const { adminUrl, prefix } = inject('postgres');
  const url = new URL(adminUrl);
  url.pathname = `/${prefix}_${randomBytes(6).toString('hex')}`;
  return {
    url: url.href,
    drop: () => query(adminUrl, `DROP DATABASE IF EXISTS ${url.pathname.slice(1)} WITH (FORCE)`),
  };
}

/** From now on nobody gets into this database, and whoever is in is thrown out. */
export async function cutOff(databaseUrl: string): Promise<void> {
  const { adminUrl } = inject('postgres');
  const name = new URL(databaseUrl).pathname.slice(1);
  await query(adminUrl, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await query(adminUrl, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
