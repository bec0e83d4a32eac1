import type { NewEvent } from '../domain/events.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { append } from './events.js';
import { holdTerm } from './lead.js';

/**
 * The one door for changes: runs `work` in a transaction, appends what it told as the transaction's last statement,
 * and after the commit sends a hint with the last seq. Work that throws changes nothing and tells nothing.
 * Work may run again from its start when Postgres breaks a deadlock, so it must not have effects of its own.
 */
export type Write = <T>(work: (tx: Tx, tell: (event: NewEvent) => void) => Promise<T>) => Promise<T>;

const ATTEMPTS = 3;

/** `term`: of the leader that writes. Once it is over, its writes throw `NotLeading` and change nothing. */
export function createWrite(db: Db, hint: (seq: bigint) => void, term?: bigint): Write {
  return async (work) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const { result, seq } = await db.$transaction(async (tx) => {
          if (term !== undefined) await holdTerm(tx, term);
          const told: NewEvent[] = [];
          const result = await work(tx, (event) => told.push(event));
          return { result, seq: told.length > 0 ? await append(tx, told) : undefined };
        });
        if (seq !== undefined) hint(seq);
        return result;
      } catch (err) {
        if (attempt === ATTEMPTS || !isDeadlock(err)) throw err;
      }
    }
  };
}

/** P2034 is Prisma's own word; raw queries carry Postgres' SQLSTATE. */
function isDeadlock(err: unknown): boolean {
  if (!(err instanceof Prisma.PrismaClientKnownRequestError)) return false;
  return err.code === 'P2034' || /\b40P01\b|deadlock detected/.test(`${err.message} ${JSON.stringify(err.meta)}`);
}
