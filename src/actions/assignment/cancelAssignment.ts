import { z } from 'zod';
import { Conflict, NotFound } from '../../domain/errors.js';
import { cancelQueued } from '../../transitions/cancelQueued.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { idOf } from '../fields.js';

export const cancelAssignment = defineAction({
  name: 'cancelAssignment',
  description:
    'Takes a request out of the queue. One that has its VM is refused: release the VM. Asking twice changes nothing.',
  permission: 'vm:assign',
  input: z.strictObject({ id: idOf('Assignment') }),
  about: 'Which assignment.',
  refusals: ['NOT_FOUND', 'CONFLICT'],
  run: ({ write }: Pick<ActionContext, 'write'>, { id }) =>
    write(
      async (tx, tell) => {
        const ended = await cancelQueued(tx, tell, id, 'cancelled');
        if (ended) return ended;
        const assignment = await tx.assignment.findUnique({ where: { id } });
        if (assignment === null) return new NotFound('assignment', id);
        if (assignment.status === 'ENDED') return assignment;
        return new Conflict(`assignment ${id} has its VM (${assignment.vmId})`, 'Release the VM with releaseVm.');
      },
      { makesRoom: true },
    ),
});
