import { vmTransition } from '../domain/vm.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db } from './client.js';

/**
 * The one rule of what may be handed out, as a condition on a row of "Vm": a ready spare of an image in use, of its pool's line, that was
 * seen alive lately. Nobody but the database is asked. A sighting has a row of its own, so writing it does not hold the VM's, which a claim
 * would skip. `poolId` is an expression of which there is one value.
 */
export function claimable(poolId: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    "Vm"."poolId" = ${poolId} AND "Vm"."status" = 'READY' AND "Vm"."hotSpare"
    AND "Vm"."goldenImageId" = ANY (ARRAY(SELECT "id" FROM "GoldenImage"
      WHERE "lineId" = (SELECT "lineId" FROM "Pool" WHERE "id" = ${poolId}) AND "status" = 'READY'))
    AND coalesce((SELECT "at" FROM "Sighting" WHERE "vmId" = "Vm"."id"), "Vm"."readyAt")
      >= coalesce((SELECT "aliveSince" FROM "Deployment" WHERE "id" = 1), '-infinity')`;
}

/**
 * How spares are taken, and how they are not: `npm run bench claimVariants`, 16 callers, each way's claims a second as a share of the bare
 * statement that skips what others hold (1,251/s on 2 cores, which the callers and Postgres share).
 *
 *   1.00  `FOR UPDATE SKIP LOCKED`, as here
 *   0.93  read without a lock, write where nobody was faster, of any row: the longest-ready is not served first
 *   0.62  `FOR UPDATE`: all wait for the holder of the same row, and find it gone
 *   0.33  one caller at a time by an advisory lock
 *   0.12  read without a lock, of the longest-ready: all but one are too late and ask again
 *
 * An order is more than that statement: its assignment and its event, in a log whose order is that of the commits. One transaction for each
 * order comes to 0.22, orders that share transactions (actions/assignment/orders.ts) to 1.09.
 */

/**
 * The CTE `spare`: at most `limit` of them, numbered by `n` from 1 in the order in which they are handed out. Their rows are held; those that
 * another claim holds are skipped, not waited for. `unless`: a condition under which there are none.
 */
export function spares(poolId: Prisma.Sql, limit: number, unless = Prisma.sql`false`): Prisma.Sql {
  return Prisma.sql`
    free AS (
      SELECT "id" FROM "Vm" WHERE ${claimable(poolId)} AND NOT (${unless})
      ORDER BY "readyAt" LIMIT ${limit}::int FOR UPDATE SKIP LOCKED
    ), spare AS (SELECT "id", row_number() OVER ()::int AS "n" FROM free)`;
}

const CLAIMED = Prisma.raw(`'${vmTransition('READY', 'CLAIMED')}'`);

/** What becomes of the row of a spare that is handed to `assignee`, an expression: the SET of an UPDATE of "Vm". */
export function handedTo(assignee: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`"status" = ${CLAIMED}, "hotSpare" = false, "assignedTo" = ${assignee}, "assignedAt" = now(), "changedAt" = now(),
      "generation" = "generation" + 1`;
}

/** How many there are now of each of these. */
export function countClaimable(db: Db, poolIds: readonly string[]): Promise<{ poolId: string; readySpares: number }[]> {
  const counts = poolIds.map((id) => {
    const poolId = Prisma.sql`${id}::uuid`;
    return Prisma.sql`SELECT ${poolId} AS "poolId", count(*)::int AS "readySpares" FROM "Vm" WHERE ${claimable(poolId)}`;
  });
  return db.$queryRaw(Prisma.join(counts, ' UNION ALL '));
}
