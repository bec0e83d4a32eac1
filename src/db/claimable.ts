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

/** How many there are now of each of these. */
export function countClaimable(db: Db, poolIds: readonly string[]): Promise<{ poolId: string; readySpares: number }[]> {
  const counts = poolIds.map((id) => {
    const poolId = Prisma.sql`${id}::uuid`;
    return Prisma.sql`SELECT ${poolId} AS "poolId", count(*)::int AS "readySpares" FROM "Vm" WHERE ${claimable(poolId)}`;
  });
  return db.$queryRaw(Prisma.join(counts, ' UNION ALL '));
}
