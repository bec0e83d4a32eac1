import type { NewEvent } from '../domain/events.js';
import { type Assignment, Prisma } from '../generated/prisma/client.js';
import type { Tx } from './client.js';
import { claimSpares } from './vms.js';

export type { Assignment };

/** Hands ready spares to those who wait, first in, first out. Returns how many were served. */
export async function serveQueue(
  tx: Tx,
  vmType: string,
  limit: number,
  tell: (event: NewEvent) => void,
): Promise<number> {
  const waiting = await tx.$queryRaw<Pick<Assignment, 'id' | 'assignedTo'>[]>(Prisma.sql`
    SELECT "id", "assignedTo" FROM "Assignment" WHERE "vmType" = ${vmType} AND "status" = 'QUEUED'
    ORDER BY "turn" LIMIT ${limit}::int FOR UPDATE SKIP LOCKED`);
  if (waiting.length === 0) return 0;
  const claimed = await claimSpares(
    tx,
    vmType,
    waiting.map((a) => a.assignedTo),
    { ahead: true },
  );
  for (const { id: vmId, n } of claimed) {
    const assignment = waiting[n - 1];
    if (!assignment) continue;
    const { id: assignmentId, assignedTo } = assignment;
    await fulfil(tx, assignmentId, vmId);
    tell({ kind: 'VM_ASSIGNED', actor: 'reconciler', vmType, vmId, assignmentId, data: { assignedTo } });
  }
  return claimed.length;
}

function fulfil(tx: Tx, assignmentId: string, vmId: string): Promise<number> {
  return tx.$executeRaw`
    UPDATE "Assignment" SET "status" = 'FULFILLED', "vmId" = ${vmId}::uuid, "fulfilledAt" = now(),
      "leaseExpiresAt" = now() + "leaseSeconds" * interval '1 second'
    WHERE "id" = ${assignmentId}::uuid AND "status" = 'QUEUED'`;
}

/** Ends the assignment that holds this VM, if there is one; returns its id. */
export async function endAssignmentOf(tx: Tx, vmId: string, reason: string): Promise<string | undefined> {
  const [ended] = await tx.assignment.updateManyAndReturn({
    where: { vmId, status: 'FULFILLED' },
    data: { status: 'ENDED', reason, endedAt: new Date() },
    select: { id: true },
  });
  return ended?.id;
}
