import { Refusal } from '../domain/errors.js';
import type { NewEvent, Tell } from '../domain/events.js';
import type { Principal } from '../domain/principal.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { append } from './events.js';
import { holdTerm } from './lead.js';
import type { Reserve } from './reserve.js';

/**
 * The one door for changes: runs `work` in a transaction, appends what it told as the transaction's last statement,
 * and after the commit sends a hint with the last seq. Work that answers a refusal, or throws, changes nothing and tells nothing.
 * Work may run again from its start when Postgres breaks a deadlock or had no room, so it must not have effects of its own.
 *
 * `makesRoom`: it lets go of something. On a full disk it is done from what is kept for that (reserve.ts), where all else throws
 * `Unavailable`.
 */
export type Write = <T>(work: (tx: Tx, tell: Tell) => Promise<T>, kind?: { makesRoom: boolean }) => Promise<T>;

/** Every change is somebody's: there is no other way to a `Write`. */
export type WriteAs = (by: Principal) => Write;

const ATTEMPTS = 3;
/** For each part of the reserve, and for the crashes between. */
const ATTEMPTS_FOR_ROOM = 8;

/**
 * `term`: of the leader that writes. Once it is over, its writes throw `NotLeading` and change nothing. `reserve`: of the embedded
 * database; left out where it is somebody else's.
 */
export function createWrite(
  db: Db,
  hint: (seq: bigint) => void,
  { term, reserve }: { term?: bigint | undefined; reserve?: Reserve | undefined } = {},
): WriteAs {
  return (by) =>
    async (work, { makesRoom } = { makesRoom: false }) => {
      for (let attempt = 1; ; attempt++) {
        const refusal = makesRoom ? undefined : reserve?.refusal();
        if (refusal) throw refusal;
        const since = performance.now();
        try {
          const { result, seq } = await db.$transaction(async (tx) => {
            if (term !== undefined) await holdTerm(tx, term);
            const told: (NewEvent & { by: Principal })[] = [];
            const result = await work(tx, (event, cause = by) => told.push({ ...event, by: cause }));
            if (result instanceof Refusal) throw new Refused(result);
            return { result, seq: told.length > 0 ? await append(tx, told) : undefined };
          });
          if (seq !== undefined) hint(seq);
          return result;
        } catch (err) {
          if (err instanceof Refused) return err.answer as Awaited<ReturnType<typeof work>>;
          if (attempt < ATTEMPTS && isDeadlock(err)) continue;
          if (makesRoom && attempt < ATTEMPTS_FOR_ROOM && (await reserve?.relieve(err, since))) continue;
          throw (await reserve?.refusalOf(err)) ?? err;
        }
      }
    };
}

/** Carries an answer past Prisma, which rolls back only what throws. */
class Refused extends Error {
  constructor(readonly answer: Refusal) {
    super(answer.message);
  }
}

/** P2034 is Prisma's own word; raw queries carry Postgres' SQLSTATE. */
function isDeadlock(err: unknown): boolean {
  if (!(err instanceof Prisma.PrismaClientKnownRequestError)) return false;
  return err.code === 'P2034' || /\b40P01\b|deadlock detected/.test(`${err.message} ${JSON.stringify(err.meta)}`);
}
