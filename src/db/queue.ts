import { Prisma } from '../generated/prisma/client.js';
import type { Assignment } from './assignments.js';
import type { Db, Tx } from './client.js';

/** In which order a pool's queue is served: first in, first out. By `turn`, since two requests may carry the same time. */
const ORDER = Prisma.sql`"turn"`;
/** The same for lists: what is queued is shown in the order in which it is served. */
export const IN_TURN = { turn: 'asc' } as const;

/** Those who wait for this pool, whose turn is next, but not callers who are gone. Their rows are held; those that others hold are skipped. */
export function nextInQueue(tx: Tx, poolId: string, limit: number): Promise<Pick<Assignment, 'id' | 'assignedTo'>[]> {
  return tx.$queryRaw(Prisma.sql`
    SELECT "id", "assignedTo" FROM "Assignment" WHERE "poolId" = ${poolId}::uuid AND "status" = 'QUEUED'
      AND ("waitUntil" IS NULL OR "waitUntil" > now())
    ORDER BY ${ORDER} LIMIT ${limit}::int FOR UPDATE SKIP LOCKED`);
}

/** By assignment: its place in its pool's queue, from 1. */
export async function queuePositions(db: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.$queryRaw<{ id: string; position: number }[]>(Prisma.sql`
    SELECT "id", "position" FROM (
      SELECT "id", row_number() OVER (PARTITION BY "poolId" ORDER BY ${ORDER})::int AS "position"
      FROM "Assignment" WHERE "status" = 'QUEUED'
        AND "poolId" IN (SELECT "poolId" FROM "Assignment" WHERE "id" = ANY (${[...ids]}::uuid[]))
    ) AS queue WHERE "id" = ANY (${[...ids]}::uuid[])`);
  return new Map(rows.map(({ id, position }) => [id, position]));
}
