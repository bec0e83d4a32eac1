import { Prisma } from '../generated/prisma/client.js';
import type { Db } from './client.js';

/**
 * The one rule of what may be handed out, as a condition on a row of "Vm": a ready spare of an image in use that was seen alive lately.
 * Nobody but the database is asked. A sighting has a row of its own, so writing it does not hold the VM's, which a claim would skip.
 */
export function claimable(vmType: string): Prisma.Sql {
  return Prisma.sql`
    "Vm"."vmType" = ${vmType} AND "Vm"."status" = 'READY' AND "Vm"."hotSpare"
    AND "Vm"."goldenImageId" = ANY (ARRAY(SELECT "id" FROM "GoldenImage" WHERE "vmType" = ${vmType} AND "status" = 'READY'))
    AND coalesce((SELECT "at" FROM "Sighting" WHERE "vmId" = "Vm"."id"), "Vm"."readyAt")
      >= coalesce((SELECT "aliveSince" FROM "Deployment" WHERE "id" = 1), '-infinity')`;
}

/** How many there are now of each of these. */
export function countClaimable(db: Db, vmTypes: readonly string[]): Promise<{ vmType: string; readySpares: number }[]> {
  const counts = vmTypes.map(
    (vmType) =>
      Prisma.sql`SELECT ${vmType}::text AS "vmType", count(*)::int AS "readySpares" FROM "Vm" WHERE ${claimable(vmType)}`,
  );
  return db.$queryRaw(Prisma.join(counts, ' UNION ALL '));
}
