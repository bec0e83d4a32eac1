import type { Assignment } from '../db/assignments.js';
import { Conflict, type InvalidInput, NotFound } from '../domain/errors.js';
import { cancelQueued } from '../transitions/cancelQueued.js';
import type { ActionContext } from './context.js';
import { checked, uuidOf } from './input.js';

/** Takes a request out of the queue. One that ended is left as it is; one that holds a VM is not taken from its holder. */
export async function cancelAssignment(
  { write }: Pick<ActionContext, 'write'>,
  given: { id: string },
): Promise<Assignment | NotFound | Conflict | InvalidInput> {
  const id = checked(() => uuidOf('id', given.id));
  if (id instanceof Error) return id;
  return write(
    async (tx, tell) => {
      const ended = await cancelQueued(tx, tell, id, 'cancelled');
      if (ended) return ended;
      const assignment = await tx.assignment.findUnique({ where: { id } });
      if (assignment === null) return new NotFound('assignment', given.id);
      if (assignment.status === 'ENDED') return assignment;
      return new Conflict(`assignment ${id} has its VM (${assignment.vmId})`, 'Release the VM with releaseVm.');
    },
    { makesRoom: true },
  );
}
