import { Unavailable } from '../domain/errors.js';
import { Prisma } from '../generated/prisma/client.js';
import { adapterCause } from './adapterCause.js';

/** No server, no answer in time, no free connection, or a transaction that could not even begin. */
const PRISMA_CODES = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028'];
const ADAPTER_KINDS = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'];
/** Postgres is shutting down, starting, or lost the connection: SQLSTATE classes 57P and 08. */
const PASSING = /^(57P0[123]|08...)$/;

/** Disk full, out of memory, and a standby that takes no writes. */
const CANNOT_WRITE: Readonly<Record<string, string>> = {
  '53100': 'the disk of the database is full',
  '53200': 'the database has no memory left',
  '25006': 'the database is read-only',
};

/** In place of a fault whose cause is the state of the database: a refusal that says so. Undefined: it is another fault. */
export function databaseAway(err: unknown): Unavailable | undefined {
  if (!(err instanceof Error)) return undefined;
  const known = err instanceof Prisma.PrismaClientKnownRequestError ? err : undefined;
  const cause = known && adapterCause(known);
  const full = Object.entries(CANNOT_WRITE).find(
    ([code]) => cause?.originalCode === code || err.message.includes(`\`${code}\``),
  );
  if (full)
    return new Unavailable(
      'database',
      full[1],
      'Make room where Postgres keeps its data (VAPIORC_STORAGE_PATH for the embedded one), then try again.',
    );
  const away =
    PRISMA_CODES.includes(known?.code ?? '') ||
    ADAPTER_KINDS.includes(cause?.kind ?? '') ||
    PASSING.test(cause?.originalCode ?? '') ||
    // The driver's own, which Prisma passes on as they are.
    /Connection terminated|timeout exceeded when trying to connect|Query read timeout/.test(err.message);
  if (!away) return undefined;
  return new Unavailable(
    'database',
    'the database does not answer',
    'Try again in a few seconds; nothing that was answered before is lost. If it lasts, start Postgres or check DATABASE_URL.',
  );
}
