import { Prisma } from '../generated/prisma/client.js';
import type { Assignment } from './assignments.js';
import type { Db, Tx } from './client.js';

/** In which order a pool's queue is served: first in, first out. By `turn`, since two requests may carry the same time. */
const ORDER = Prisma.sql`"turn"`;
/** The same for lists: what is queued is shown in the order in which it is served. */
export const IN_TURN = { turn: 'asc' } as const;

/** A row of "Assignment" for which somebody waits: a caller who is gone does so no more, whatever has not yet been taken off. */
export const WAITING = Prisma.sql`"Assignment"."status" = 'QUEUED' AND ("Assignment"."waitUntil" IS NULL OR "Assignment"."waitUntil" > now())`;

/** By pool: how many wait. One for which nobody does is not in it. */
export async function countWaiting(db: Db | Tx, poolIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.$queryRaw<{ poolId: string; n: number }[]>(Prisma.sql`
    SELECT "poolId", count(*)::int AS "n" FROM "Assignment"
    WHERE "poolId" = ANY (${[...poolIds]}::uuid[]) AND ${WAITING} GROUP BY "poolId"`);
  return new Map(rows.map(({ poolId, n }) => [poolId, n]));
}

/** Those who wait for this pool, whose turn is next. Their rows are held; those that others hold are skipped. */
export function nextInQueue(tx: Tx, poolId: string, limit: number): Promise<Pick<Assignment, 'id' | 'assignedTo'>[]> {
  return tx.$queryRaw(Prisma.sql`
    SELECT "id", "assignedTo" FROM "Assignment" WHERE "poolId" = ${poolId}::uuid AND ${WAITING}
    ORDER BY ${ORDER} LIMIT ${limit}::int FOR UPDATE SKIP LOCKED`);
}

/** By assignment: its place in its pool's queue, from 1. */
export async function queuePositions(db: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.$queryRaw<{ id: string; position: number }[]>(Prisma.sql`
    SELECT "id", "position" FROM (
      SELECT "id", row_number() OVER (PARTITION BY "poolId" ORDER BY ${ORDER})::int AS "position"
      FROM "Assignment" WHERE ${WAITING}
        AND "poolId" IN (SELECT "poolId" FROM "Assignment" WHERE "id" = ANY (${[...ids]}::uuid[]))
    ) AS queue WHERE "id" = ANY (${[...ids]}::uuid[])`);
  return new Map(rows.map(({ id, position }) => [id, position]));
}
