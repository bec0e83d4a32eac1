import { type Assignment, Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';

/** Whoever waits says so this often. A server that has said nothing for that long has died, with its callers. */
export const WAIT_SECONDS = 20;
/** How long a VM is kept for a caller who went away and may come back with the same idempotency key. */
export const COME_BACK_SECONDS = 600;

/** Says that somebody still waits for these. A request that waits for no caller (it stays queued) stays so. */
export async function renewWaits(db: Db, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    UPDATE "Assignment" SET "waitUntil" = greatest("waitUntil", now() + ${WAIT_SECONDS}::int * interval '1 second')
    WHERE "id" = ANY (${[...ids]}::uuid[]) AND "status" IN ('QUEUED', 'FULFILLED') AND "waitUntil" IS NOT NULL`;
}

/** Another call waits for the same request, for `waitSeconds`; null: it is to stay queued whoever waits. */
export async function joinWait(tx: Tx, id: string, waitSeconds: number | null): Promise<void> {
  const until = (seconds: number) => Prisma.sql`now() + ${seconds}::int * interval '1 second'`;
  const change =
    waitSeconds === null
      ? Prisma.sql`"waitUntil" = NULL, "longestWait" = NULL`
      : Prisma.sql`"waitUntil" = greatest("waitUntil", ${until(WAIT_SECONDS)}),
          "longestWait" = greatest("longestWait", ${until(waitSeconds)})`;
  await tx.$executeRaw`
    UPDATE "Assignment" SET ${change} WHERE "id" = ${id}::uuid AND "status" = 'QUEUED' AND "waitUntil" IS NOT NULL`;
}

/** Holds the row. Whether the last of those who wait for this request gives up now: nobody waits longer, and it does not stay queued. */
export async function isLastWait(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "Assignment" WHERE "id" = ${id}::uuid AND "longestWait" <= now() + interval '1 second' FOR UPDATE`;
  return rows.length > 0;
}

/** Holds the row. Whether nobody waits for it any more: nobody has said so in time. */
export async function isAbandoned(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "Assignment" WHERE "id" = ${id}::uuid AND "status" <> 'ENDED' AND "waitUntil" <= now() FOR UPDATE`;
  return rows.length > 0;
}

/** The caller gets the VM of this assignment now. Undefined: nobody came for it in time, or it is over. */
export async function collect(tx: Tx, id: string): Promise<Assignment | undefined> {
  const [collected] = await tx.assignment.updateManyAndReturn({
    where: { id, status: 'FULFILLED' },
    data: { waitUntil: null, longestWait: null },
  });
  return collected;
}

/** Of these assignments, those that are not over. */
export function openOnes(tx: Tx, ids: readonly string[]): Promise<{ id: string; vmId: string | null }[]> {
  return tx.$queryRaw`
    SELECT "id", "vmId" FROM "Assignment" WHERE "id" = ANY (${[...ids]}::uuid[]) AND "status" <> 'ENDED'`;
}

/** Requests, and VMs given to them, for which nobody waits any more; at most 100. */
export function abandoned(db: Db): Promise<{ id: string; vmId: string | null }[]> {
  return db.$queryRaw`
    SELECT "id", "vmId" FROM "Assignment" WHERE "status" IN ('QUEUED', 'FULFILLED') AND "waitUntil" <= now() LIMIT 100`;
}
