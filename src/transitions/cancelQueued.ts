import type { Assignment } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import type { Tell } from '../domain/events.js';

/** Ends a request that is still queued, within a transaction. Undefined: it is not. */
export async function cancelQueued(tx: Tx, tell: Tell, id: string, reason: string): Promise<Assignment | undefined> {
  const [ended] = await tx.assignment.updateManyAndReturn({
    where: { id, status: 'QUEUED' },
    // The key is free again: who tries again with it, as Retry-After invites, makes a new request.
    data: { status: 'ENDED', reason, endedAt: tx.clock.now(), idempotencyKey: null },
  });
  if (ended) tell({ kind: 'ASSIGNMENT_ENDED', vmType: ended.vmType, poolId: ended.poolId, assignmentId: id, reason });
  return ended;
}
