import { Unavailable } from '../domain/errors.js';
import { type Lead, NotLeading } from '../domain/lead.js';
import type { Db, Tx } from './client.js';

/** What was asked longer ago than this may not be so any more: the process may have been frozen meanwhile. Milliseconds. */
const FRESH_MS = 1_000;
const TRIES = 3;

/** One term of this server's lead. `over`: that it ended is known here already. */
export function leadOf(db: Db, term: bigint, over: AbortSignal): Lead {
  return {
    term,
    async confirm() {
      for (let tries = 0; tries < TRIES; tries++) {
        // Goes on while a process is stopped, and can't be set.
        const asked = performance.now();
        const found = over.aborted
          ? null
          : await db.leaderTerm.findUnique({ where: { id: 1 }, select: { term: true } });
        if (found?.term !== term || over.aborted) throw new NotLeading(term);
        if (performance.now() - asked < FRESH_MS) return;
      }
      throw new Unavailable(
        'database',
        'the database answers too slowly for this server to know whether it still leads',
        'Look at the load of Postgres and of this host; what was to be done is tried again.',
      );
    },
  };
}

/**
 * Refuses what a term writes once it is over. Who takes over waits for the end of this transaction, which is soon in any case:
 * Postgres ends a transaction that stands idle (connection.ts).
 * @throws NotLeading
 */
export async function holdTerm(tx: Tx, term: bigint): Promise<void> {
  const [found] = await tx.$queryRaw<{ term: bigint }[]>`SELECT "term" FROM "LeaderTerm" WHERE "id" = 1 FOR SHARE`;
  if (found?.term !== term) throw new NotLeading(term);
}
