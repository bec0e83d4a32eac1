import type { Check } from '../domain/check.js';

/** What a database says of itself; see examineDatabase.ts. */
export interface DatabaseFacts {
  user: string;
  database: string;
  schema: string;
  /** As Postgres counts: 150004 is 15.4. */
  version: number;
  encoding: string;
  isStandby: boolean;
  /** May make tables in our schema, or the schema. */
  mayCreate: boolean;
  /** Connections that this user may have to this database. */
  allowed: number;
  /** Those that this server opens. */
  needed: number;
  /** Whether a session is another one in each transaction, as behind a pooler in transaction mode. */
  isPooled: boolean;
  /** Triggers and foreign keys do nothing. */
  isReplica: boolean;
}

/** The migrator's, the leader's and the bus' connection, beside the pool. */
export const CONNECTIONS_BESIDE_POOL = 3;
const OLDEST = 15;

/** What a database of the user's own must be. Read at start, where each but the last stops it, and by `health`. */
export const DATABASE_CHECKS: readonly Check<DatabaseFacts>[] = [
  {
    looksAt: 'the version of the server',
    wrong: ({ version }) =>
      version < OLDEST * 10_000 ? `Postgres ${Math.floor(version / 10_000)} is too old` : undefined,
    fix: () => `use Postgres ${OLDEST} or newer`,
    fatal: true,
  },
  {
    looksAt: 'whether sessions stay what they are from one transaction to the next',
    wrong: ({ isPooled }) =>
      isPooled
        ? 'DATABASE_URL leads to a pooler in transaction mode, where locks, notifications and prepared statements get lost'
        : undefined,
    fix: () => "give Postgres' own address, or set the pooler to session mode (pgbouncer: pool_mode = session)",
    fatal: true,
  },
  {
    looksAt: 'the encoding',
    wrong: ({ encoding, database }) =>
      encoding === 'UTF8' ? undefined : `the database ${database} has the encoding ${encoding}, not UTF8`,
    fix: ({ database }) =>
      `make another: CREATE DATABASE ${database}_utf8 ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C', and name it in DATABASE_URL`,
    fatal: true,
  },
  {
    looksAt: 'whether it takes writes',
    wrong: ({ isStandby }) => (isStandby ? 'this Postgres is a standby, which takes no writes' : undefined),
    fix: () => "give the primary's address in DATABASE_URL, or several hosts behind one that leads to it",
    fatal: true,
  },
  {
    looksAt: 'the right to make tables',
    wrong: ({ mayCreate, user, schema }) =>
      mayCreate ? undefined : `the user ${user} may not make tables in the schema ${schema}`,
    fix: ({ user, schema }) =>
      `GRANT USAGE, CREATE ON SCHEMA "${schema}" TO "${user}", or name a schema of its own with ?schema= in DATABASE_URL`,
    fatal: true,
  },
  {
    looksAt: 'how many connections are allowed',
    wrong: ({ allowed, needed, user }) =>
      allowed < needed
        ? `the user ${user} may open ${allowed} connections, and this server opens ${needed}`
        : undefined,
    fix: ({ allowed }) =>
      allowed > CONNECTIONS_BESIDE_POOL + 1
        ? `set VAPIORC_DATABASE_CONNECTIONS to ${allowed - CONNECTIONS_BESIDE_POOL} or less, or raise the limit of the role, the database or max_connections`
        : 'raise the limit of the role, the database or max_connections',
    fatal: true,
  },
  {
    looksAt: 'whether foreign keys hold',
    wrong: ({ isReplica }) =>
      isReplica ? 'session_replication_role is not origin: foreign keys are not checked' : undefined,
    fix: () => 'take session_replication_role out of the settings of the role and of the database',
    fatal: false,
  },
];
