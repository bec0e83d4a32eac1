import { Unavailable } from '../domain/errors.js';
import { Prisma } from '../generated/prisma/client.js';
import { adapterCause } from './adapterCause.js';
import { DISK_FULL, isDiskFull } from './diskFull.js';

/** No server, no answer in time, no free connection, or a transaction that could not even begin. */
const PRISMA_CODES = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028'];
const ADAPTER_KINDS = [
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TlsConnectionError',
];
/**
 * Postgres is shutting down or starting (57P0x), lost the connection (08), has no connection left (53300), ended a session or a transaction
 * that it heard nothing of (57P05, 25P03), or a statement that took longer than anybody waits (57014, 55P03).
 */
const PASSING = /^(57P0[1235]|08...|53300|25P03|57014|55P03)$/;
/** Node's codes for a connection that can't be had or breaks; the adapter translates four of them and lets the others through. */
const SOCKET =
  /^(ECONN(REFUSED|RESET|ABORTED)|ETIMEDOUT|EPIPE|E(HOST|NET)(UNREACH|DOWN)|ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|ENOENT)$/;
/** What `pg` and its pool say in words alone (8.23: client.js, connection.js, pg-pool's index.js). */
const DRIVER =
  /Connection terminated|Connection ended|timeout expired|timeout exceeded when trying to connect|Query read timeout|is not queryable|Cannot use a pool after calling end|SSL connection/;

/** Where it answers and can't write. */
const CANNOT_WRITE: Readonly<Record<string, { message: string; fix: string }>> = {
  [DISK_FULL]: {
    message: 'the disk of the database is full',
    fix: 'Make room where Postgres keeps its data (VAPIORC_STORAGE_PATH for the embedded one), then try again.',
  },
  '53200': {
    message: 'the database has no memory left',
    fix: "Give the machine of the database more memory, or Postgres' settings less of it, then try again.",
  },
  '25006': {
    message: 'the database takes no writes: it is a standby, or was made read-only',
    fix: 'Let DATABASE_URL lead to the primary, then try again.',
  },
};

/** In place of a fault whose cause is the state of the database: a refusal that says so, as it was thrown or as it is. Undefined: it is another fault. */
export function databaseAway(err: unknown): Unavailable | undefined {
  if (!(err instanceof Error)) return undefined;
  if (err instanceof Unavailable) return err.part === 'database' ? err : undefined;
  const known = err instanceof Prisma.PrismaClientKnownRequestError ? err : undefined;
  const cause = known && adapterCause(known);
  const cannotWrite = Object.entries(CANNOT_WRITE).find(
    ([code]) =>
      cause?.originalCode === code || err.message.includes(`\`${code}\``) || (code === DISK_FULL && isDiskFull(err)),
  )?.[1];
  if (cannotWrite) return new Unavailable('database', cannotWrite.message, cannotWrite.fix);
  const isAway =
    PRISMA_CODES.includes(known?.code ?? '') ||
    // An error of the socket that Prisma has no word of its own for keeps its code.
    SOCKET.test(known?.code ?? '') ||
    ADAPTER_KINDS.includes(cause?.kind ?? '') ||
    PASSING.test(cause?.originalCode ?? '') ||
    isConnectionError(err);
  if (!isAway) return undefined;
  return new Unavailable(
    'database',
    'the database does not answer',
    'Try again in a few seconds; nothing that was answered before is lost. If it lasts, start Postgres or check DATABASE_URL.',
  );
}

/** What Prisma passes on as it came from the driver. A file of ours that is missing has ENOENT too, but no address of a socket. */
function isConnectionError(err: Error): boolean {
  const { code, syscall } = err as NodeJS.ErrnoException;
  const broke = SOCKET.test(code ?? '') && /^(connect|read|write|getaddrinfo)$/.test(syscall ?? '');
  return broke || DRIVER.test(err.message);
}
