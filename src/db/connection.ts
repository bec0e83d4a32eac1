import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** The schema of who names none: Postgres' own default. */
const DEFAULT_SCHEMA = 'public';
/** Longest time of one statement. Callers give up 2 s later, so nothing is done that nobody waits for any more. */
const STATEMENT_LIMIT_MS = 8_000;
const CONNECT_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 2_000;
/**
 * A transaction of ours that does nothing for this long has lost its server, or that is frozen: what it holds is let go. Other servers
 * wait for it, and so does the one that takes over the lead: within 10 s in all.
 */
const IDLE_TRANSACTION_LIMIT_MS = 6_000;

/**
 * What our statements rest on. A role, a database or a server may carry other values for all of these (ALTER ROLE … SET), and then
 * times mean something else, texts come back garbled, or nothing can be written.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: `${STATEMENT_LIMIT_MS}`,
  lock_timeout: '0', // a statement's limit holds for its locks too
  idle_in_transaction_session_timeout: `${IDLE_TRANSACTION_LIMIT_MS}`,
  idle_session_timeout: '0',
  transaction_timeout: '0',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  transform_null_equals: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  row_security: 'on',
};

/** How a kind of connection differs from those of the pool. */
export interface SessionNeeds {
  name: string;
  connectLimitMs?: number;
  /** Of one statement. */
  statementLimitMs?: number;
  /** Postgres ends the session when it hears nothing for this long. */
  idleLimitMs?: number;
}

/**
 * What `pg` needs to connect to this URL. `?schema=` is ours, as Prisma's users know it. TLS is as libpq has it: `sslmode=require`
 * encrypts and does not ask for the server's certificate; verify-ca and verify-full do.
 */
export function connectionConfig(url: string, needs: SessionNeeds): pg.ClientConfig {
  const plain = new URL(url);
  plain.searchParams.delete('schema');
  if (plain.searchParams.has('sslmode')) plain.searchParams.set('uselibpqcompat', 'true');
  return {
    connectionString: plain.href,
    connectionTimeoutMillis: needs.connectLimitMs ?? CONNECT_LIMIT_MS,
    // A database that is silent, not gone, would else hold its callers for ever.
    query_timeout: (needs.statementLimitMs ?? STATEMENT_LIMIT_MS) + 2_000,
    keepAlive: true,
    application_name: needs.name,
  };
}

/** The schema that this URL names. */
export function schemaOf(url: string): string {
  return new URL(url).searchParams.get('schema') ?? DEFAULT_SCHEMA;
}

/** Makes a new session mean what our statements mean, whatever its role or database carries. */
export async function prepareSession(client: pg.ClientBase, url: string, needs: SessionNeeds): Promise<void> {
  const { statementLimitMs, idleLimitMs } = needs;
  const settings = {
    ...SETTINGS,
    ...(statementLimitMs !== undefined && { statement_timeout: `${statementLimitMs}` }),
    ...(idleLimitMs !== undefined && { idle_session_timeout: `${idleLimitMs}` }),
    search_path: pg.escapeIdentifier(schemaOf(url)),
  };
  // Set where the server knows it: transaction_timeout came with Postgres 17. What was committed must not be lost with a crash, and
  // who asked for more than that (remote_apply) keeps it.
  await client.query(
    `SELECT set_config(name, value, false) FROM json_each_text($1) AS wanted(name, value)
       WHERE current_setting(name, true) IS NOT NULL
     UNION ALL SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
    [JSON.stringify(settings)],
  );
}

/**
 * One connection of its own, beside the pool, ready to be used. An error listener is on it: a connection that is lost fails the query
 * in progress, which tells.
 * @throws what `pg` says, with nothing left open
 */
export async function openSession(url: string, needs: SessionNeeds): Promise<pg.Client> {
  const client = new pg.Client(connectionConfig(url, needs));
  client.on('error', () => undefined);
  try {
    await client.connect();
    await prepareSession(client, url, needs);
    return client;
  } catch (err) {
    client.connection.stream.destroy(); // saying good-bye to who never answered takes for ever
    throw err;
  }
}

/** A statement that may take longer than those of its session. Its transaction, or session, ends with whoever waits for it. */
export async function patiently(
  client: pg.ClientBase,
  limitMs: number,
  text: string,
  values: unknown[] = [],
): Promise<void> {
  await client.query(`SET statement_timeout = ${limitMs}`);
  const statement = { text, values, query_timeout: limitMs + 2_000 }; // of this one; `pg` takes it, its types don't know it
  await client.query(statement);
  await client.query(`SET statement_timeout = ${STATEMENT_LIMIT_MS}`);
}

/** Says good-bye, and does not wait for an answer for ever. */
export async function endSession(client: pg.Client): Promise<void> {
  const limit = new AbortController();
  const late = sleep(CLOSE_LIMIT_MS, undefined, { signal: limit.signal }).then(() =>
    client.connection.stream.destroy(),
  );
  await Promise.race([client.end().catch(() => undefined), late.catch(() => undefined)]);
  limit.abort();
}
