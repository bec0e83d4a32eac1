import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';

/**
 * What tells whether a VM is alive. All of it by the database's clock, so that every server sees the same, and silence counts only
 * while some server listened: after an outage each VM has its full time again.
 */

/** A gap longer than this share of the limit is a time in which nobody listened. */
const GAP_SHARE = 1 / 3;

/** These VMs were seen alive, so many ms ago: who says it may have been frozen since. */
export async function sighted(db: Db | Tx, vmIds: readonly string[], ageMs = 0): Promise<void> {
  if (vmIds.length === 0) return;
  await db.$executeRaw`
    INSERT INTO "Sighting" ("vmId", "at") SELECT unnest(${[...vmIds]}::uuid[]), now() - ${ageMs}::float8 * interval '1 ms'
    ON CONFLICT ("vmId") DO UPDATE SET "at" = greatest("Sighting"."at", excluded."at")`;
}

/**
 * Notes that the guests are being heard. To be said at least three times within each third of `unheardMs`, the time after which
 * a VM of which nothing was heard is not handed out.
 */
export async function listening(db: Db | Tx, unheardMs: number): Promise<void> {
  const ms = (n: number) => Prisma.sql`${n}::float8 * interval '1 ms'`;
  await db.$executeRaw(Prisma.sql`
    UPDATE "Deployment" SET "listeningSince" = s."since", "listenedAt" = now(),
      "aliveSince" = CASE WHEN s."since" <= now() - ${ms(unheardMs)} THEN now() - ${ms(unheardMs)} END
    FROM (SELECT CASE WHEN "listenedAt" > now() - ${ms(unheardMs * GAP_SHARE)} THEN "listeningSince" ELSE now() END AS "since"
          FROM "Deployment" WHERE "id" = 1) AS s
    WHERE "id" = 1`);
}

/**
 * VMs of which nothing was heard for too long, each with that time in ms: all, or only this one. Of those that are assigned only
 * the ones `byAgent`, whose agent has spoken: nobody probes a VM in somebody's hands.
 */
export async function silentVms(db: Db, byAgent: boolean, vmId?: string): Promise<Map<string, number>> {
  const rows = await db.$queryRaw<{ id: string; ms: number }[]>(Prisma.sql`
    SELECT v."id", (extract(epoch FROM d."listenedAt" - greatest(coalesce(s."at", v."readyAt"), d."listeningSince")) * 1000)::float8 AS "ms"
    FROM "Vm" v JOIN "Deployment" d ON d."id" = 1 LEFT JOIN "Sighting" s ON s."vmId" = v."id"
    WHERE v."status" IN ('READY', 'ASSIGNED') AND v."cleanedAt" IS NULL
      AND coalesce(s."at", v."readyAt") < d."aliveSince"
      AND (v."status" = 'READY' OR (${byAgent} AND EXISTS (SELECT 1 FROM "Guest" WHERE "machineId" = v."id")))
      ${vmId === undefined ? Prisma.empty : Prisma.sql`AND v."id" = ${vmId}::uuid`}`);
  return new Map(rows.map(({ id, ms }) => [id, ms]));
}

/** READY VMs that were last seen alive longer ago than this, the longest unseen first: all, or those whose agent never spoke. */
export async function vmsToProbe(db: Db, which: 'all' | 'without agent', olderThanMs: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>(Prisma.sql`
    SELECT v."id" FROM "Vm" v LEFT JOIN "Sighting" s ON s."vmId" = v."id"
    WHERE v."status" = 'READY' AND v."cleanedAt" IS NULL
      AND (s."at" IS NULL OR s."at" < now() - ${olderThanMs}::float8 * interval '1 ms')
      AND (${which === 'all'} OR NOT EXISTS (SELECT 1 FROM "Guest" WHERE "machineId" = v."id"))
    ORDER BY s."at" NULLS FIRST`);
  return rows.map(({ id }) => id);
}
