import type { Tell } from '../domain/events.js';
import { RECONCILER } from '../domain/principal.js';
import { type Assignment, Prisma } from '../generated/prisma/client.js';
import { handedTo, spares } from './claim.js';
import type { Tx } from './client.js';
import type { Pool } from './pools.js';
import { nextInQueue, WAITING } from './queue.js';
import { claimSpares } from './vms.js';
import { COME_BACK_SECONDS, WAIT_SECONDS } from './waits.js';

export type { Assignment };

/** A request for a VM, checked. */
export interface Request {
  /** Of the assignment to be. */
  id: string;
  /** What the pool must be of; null: whatever it is of. */
  vmType: string | null;
  assignedTo: string;
  idempotencyKey: string | null;
  leaseSeconds: number | null;
  /** The caller waits this long; null: it stays queued whoever waits. */
  waitSeconds: number | null;
  /** Who asks. */
  principalId: string;
  principalName: string;
}

const THE_POOL = Prisma.sql`(SELECT "id" FROM pool)`;
const SOMEBODY_WAITS = Prisma.sql`EXISTS (SELECT 1 FROM "Assignment" WHERE "poolId" = ${THE_POOL} AND ${WAITING})`;

/**
 * Gives each request a ready spare of this pool, longest ready first, or a place in its queue; one statement. Newcomers get none while
 * somebody waits. Where no golden image is there or coming, requests that got no spare are left out of the answer, and so are those of a
 * vmType that is not the pool's; all, where there is no such pool. Its row is held, so that it is not deleted beneath a request that is queued.
 */
export function claimOrQueue(tx: Tx, name: string, requests: readonly Request[]): Promise<Assignment[]> {
  const orders = JSON.stringify(requests.map((request, n) => ({ ...request, n: n + 1 })));
  return tx.$queryRaw<Assignment[]>(Prisma.sql`
    WITH pool AS MATERIALIZED (
      SELECT "id", "lineId", "vmType" FROM "Pool" WHERE "name" = ${name} FOR KEY SHARE
    ), orders AS (
      SELECT row_number() OVER (ORDER BY o."n")::int AS "n", o."id", "assignedTo", "idempotencyKey", "leaseSeconds", "waitSeconds",
        "principalId", "principalName"
      FROM pool, jsonb_to_recordset(${orders}::jsonb) AS o("n" int, "id" uuid, "vmType" text, "assignedTo" text,
        "idempotencyKey" text, "leaseSeconds" int, "waitSeconds" int, "principalId" text, "principalName" text)
      WHERE o."vmType" IS NULL OR o."vmType" = pool."vmType"
    ), ${spares(THE_POOL, requests.length, SOMEBODY_WAITS)}, taken AS (
      UPDATE "Vm" SET ${handedTo(Prisma.sql`orders."assignedTo"`)} FROM spare JOIN orders USING ("n") WHERE "Vm"."id" = spare."id"
      RETURNING "Vm"."id" AS "vmId", spare."n"
    )
    INSERT INTO "Assignment" ("id", "poolId", "vmType", "assignedTo", "idempotencyKey", "leaseSeconds", "status", "vmId",
      "fulfilledAt", "leaseExpiresAt", "waitUntil", "longestWait", "principalId", "principalName")
    SELECT orders."id", pool."id", "vmType", "assignedTo", "idempotencyKey", "leaseSeconds",
      (CASE WHEN "vmId" IS NULL THEN 'QUEUED' ELSE 'FULFILLED' END)::"AssignmentStatus", "vmId",
      CASE WHEN "vmId" IS NOT NULL THEN now() END,
      CASE WHEN "vmId" IS NOT NULL THEN now() + "leaseSeconds" * interval '1 second' END,
      CASE WHEN "vmId" IS NULL AND "waitSeconds" IS NOT NULL THEN now() + ${WAIT_SECONDS}::int * interval '1 second' END,
      CASE WHEN "vmId" IS NULL THEN now() + "waitSeconds" * interval '1 second' END, "principalId", "principalName"
    FROM orders LEFT JOIN taken USING ("n") CROSS JOIN pool
    WHERE "vmId" IS NOT NULL OR EXISTS (
      SELECT 1 FROM "GoldenImage" WHERE "GoldenImage"."lineId" = pool."lineId" AND "status" IN ('REQUESTED', 'INSTALLING', 'SEALING', 'READY'))
    ORDER BY "n"
    RETURNING *`);
}

/** Hands ready spares to those who wait, in the order of the queue. Returns how many were served. */
export async function serveQueue(
  tx: Tx,
  { id: poolId, vmType }: Pick<Pool, 'id' | 'vmType'>,
  limit: number,
  tell: Tell,
): Promise<number> {
  const waiting = await nextInQueue(tx, poolId, limit);
  if (waiting.length === 0) return 0;
  const claimed = await claimSpares(
    tx,
    poolId,
    waiting.map((a) => a.assignedTo),
  );
  for (const { id: vmId, n } of claimed) {
    const assignment = waiting[n - 1];
    if (!assignment) continue;
    const { id: assignmentId, assignedTo } = assignment;
    await fulfil(tx, assignmentId, vmId);
    tell({ kind: 'VM_ASSIGNED', vmType, poolId, vmId, assignmentId, data: { assignedTo } }, RECONCILER);
  }
  return claimed.length;
}

function fulfil(tx: Tx, assignmentId: string, vmId: string): Promise<number> {
  return tx.$executeRaw`
    UPDATE "Assignment" SET "status" = 'FULFILLED', "vmId" = ${vmId}::uuid, "fulfilledAt" = now(),
      "leaseExpiresAt" = now() + "leaseSeconds" * interval '1 second',
      "waitUntil" = CASE WHEN "waitUntil" IS NOT NULL AND "idempotencyKey" IS NOT NULL
        THEN now() + ${COME_BACK_SECONDS}::int * interval '1 second' ELSE "waitUntil" END
    WHERE "id" = ${assignmentId}::uuid AND "status" = 'QUEUED'`;
}

/** Ends the assignment that holds this VM, if there is one; returns its id. */
export async function endAssignmentOf(tx: Tx, vmId: string, reason: string): Promise<string | undefined> {
  const [ended] = await tx.assignment.updateManyAndReturn({
    where: { vmId, status: 'FULFILLED' },
    data: { status: 'ENDED', reason, endedAt: tx.clock.now() },
    select: { id: true },
  });
  return ended?.id;
}
