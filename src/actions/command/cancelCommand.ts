import { z } from 'zod';
import { lockCommand } from '../../db/commands.js';
import { isCommandOver } from '../../domain/command.js';
import { NotFound } from '../../domain/errors.js';
import { endCommand } from '../../transitions/endCommand.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { idOf } from '../fields.js';

/**
 * One that waits is CANCELLED at once; one that runs is ended by the guest, which hears of it within moments, and stays RUNNING until the
 * guest says that it is done, two minutes at most. It may have exited by itself by then. `changed` false: it was over, or asked to end, before.
 */
export const cancelCommand = defineAction({
  name: 'cancelCommand',
  description: 'Ends a command with all its children, or takes it out of the queue. Asking twice changes nothing.',
  permission: 'command:run',
  input: z.strictObject({ id: idOf('Command') }),
  about: 'Which command.',
  refusals: ['NOT_FOUND'],
  run: ({ write }: Pick<ActionContext, 'write'>, { id }) =>
    write(async (tx, tell) => {
      const command = await lockCommand(tx, id);
      if (command === null) return new NotFound('command', id);
      if (isCommandOver(command.status) || command.cancelRequestedAt !== null) return { command, changed: false };
      const cancelRequestedAt = tx.clock.now();
      if (command.status === 'QUEUED') {
        const ended = await endCommand(tx, tell, command, {
          event: 'CANCELLED',
          reason: 'cancelled before it was started',
          also: { cancelRequestedAt },
        });
        return { command: ended, changed: true };
      }
      const data = { cancelRequestedAt, generation: { increment: 1 } };
      const asked = await tx.command.update({ where: { id }, data });
      const { vmId } = command;
      const { vmType } = await tx.vm.findUniqueOrThrow({ where: { id: vmId }, select: { vmType: true } });
      tell({ kind: 'COMMAND_CANCELLING', vmType, vmId, data: { commandId: id } });
      return { command: asked, changed: true };
    }),
});
