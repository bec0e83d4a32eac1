import type { Assignment } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { databaseTime } from '../db/clock.js';
import { Conflict, type InvalidInput, NotFound } from '../domain/errors.js';
import type { Actor, NewEvent } from '../domain/events.js';
import type { CommandDeps } from './deps.js';
import { checked, uuidOf } from './input.js';

/** Takes a request out of the queue. One that ended is left as it is; one that holds a VM is not taken from its holder. */
export async function cancelAssignment(
  { write }: Pick<CommandDeps, 'write'>,
  given: { id: string },
): Promise<Assignment | NotFound | Conflict | InvalidInput> {
  const id = checked(() => uuidOf('id', given.id));
  if (id instanceof Error) return id;
  return write(
    async (tx, tell) => {
      const ended = await cancelQueued(tx, tell, id, 'cancelled', 'api');
      if (ended) return ended;
      const assignment = await tx.assignment.findUnique({ where: { id } });
      if (assignment === null) return new NotFound('assignment', given.id);
      if (assignment.status === 'ENDED') return assignment;
      return new Conflict(`assignment ${id} has its VM (${assignment.vmId})`, 'Release the VM with releaseVm.');
    },
    { makesRoom: true },
  );
}

/** Ends a request that is still queued, within a transaction. Undefined: it is not. */
export async function cancelQueued(
  tx: Tx,
  tell: (event: NewEvent) => void,
  id: string,
  reason: string,
  actor: Actor,
): Promise<Assignment | undefined> {
  const [ended] = await tx.assignment.updateManyAndReturn({
    where: { id, status: 'QUEUED' },
    // The key is free again: who tries again with it, as Retry-After invites, makes a new request.
    data: { status: 'ENDED', reason, endedAt: databaseTime(), idempotencyKey: null },
  });
  if (ended) tell({ kind: 'ASSIGNMENT_ENDED', actor, vmType: ended.vmType, assignmentId: id, reason });
  return ended;
}
