import type pg from 'pg';
import { type Problem, problemsOf } from '../domain/check.js';
import { endSession, openSession, schemaOf } from './connection.js';
import { CONNECTIONS_BESIDE_POOL, DATABASE_CHECKS, type DatabaseFacts } from './databaseChecks.js';

const NEEDS = { name: 'vapiorc check', statementLimitMs: 3_000 };

/**
 * Looks at the database and answers what is wrong with it. `connections`: most that the pool opens.
 * @throws what `pg` says when it can't be opened
 */
export async function examineDatabase(url: string, connections: number): Promise<Problem[]> {
  const [one, other] = [await openSession(url, NEEDS), await openSession(url, NEEDS)];
  try {
    const { rows } = await one.query<Omit<DatabaseFacts, 'needed' | 'isPooled'>>(FACTS, [schemaOf(url)]);
    if (rows[0] === undefined) throw new Error('the database said nothing of itself');
    const isPooled = await shareServer(one, other);
    return problemsOf(DATABASE_CHECKS, { ...rows[0], needed: connections + CONNECTIONS_BESIDE_POOL, isPooled });
  } finally {
    await Promise.all([one, other].map(endSession));
  }
}

/** Two sessions at once are two processes of Postgres, but where a pooler lends one to whoever has a transaction now. */
async function shareServer(one: pg.Client, other: pg.Client): Promise<boolean> {
  const pidOf = async (client: pg.Client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
  return (await pidOf(one)) === (await pidOf(other));
}

const FACTS = `
  SELECT current_user AS "user", current_database() AS "database", $1::text AS "schema",
    current_setting('server_version_num')::int AS "version",
    pg_encoding_to_char(d.encoding) AS "encoding",
    pg_is_in_recovery() AS "isStandby",
    CASE WHEN to_regnamespace(quote_ident($1)) IS NULL THEN has_database_privilege(current_database(), 'CREATE')
      ELSE has_schema_privilege($1, 'CREATE') AND has_schema_privilege($1, 'USAGE') END AS "mayCreate",
    least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1), current_setting('max_connections')::int -
      CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int END) AS "allowed",
    current_setting('session_replication_role') <> 'origin' AS "isReplica"
  FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = session_user`;
