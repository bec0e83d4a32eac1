import { databaseTime } from '../db/clock.js';
import { type Command, lockCommand } from '../db/commands.js';
import { isCommandOver } from '../domain/command.js';
import { type InvalidInput, NotFound } from '../domain/errors.js';
import { endCommand } from '../transitions/endCommand.js';
import type { ActionContext } from './context.js';
import { checked, uuidOf } from './input.js';

export interface CancelledCommand {
  command: Command;
  /** False: it was over, or asked to end, before this call. */
  changed: boolean;
}

/**
 * Takes a command back. One that waits is CANCELLED at once; one that runs is ended by the guest, which hears of it within
 * moments, and stays RUNNING until the guest says that it is done, two minutes at most. It may have exited by itself by then.
 */
export async function cancelCommand(
  { write }: Pick<ActionContext, 'write'>,
  given: { id: string },
): Promise<CancelledCommand | NotFound | InvalidInput> {
  const id = checked(() => uuidOf('id', given.id));
  if (id instanceof Error) return id;
  return write(async (tx, tell) => {
    const command = await lockCommand(tx, id);
    if (command === null) return new NotFound('command', given.id);
    if (isCommandOver(command.status) || command.cancelRequestedAt !== null) return { command, changed: false };
    const cancelRequestedAt = databaseTime();
    if (command.status === 'QUEUED') {
      const ended = await endCommand(tx, tell, command, {
        event: 'CANCELLED',
        reason: 'cancelled before it was started',
        also: { cancelRequestedAt },
      });
      return { command: ended, changed: true };
    }
    const asked = await tx.command.update({ where: { id }, data: { cancelRequestedAt, generation: { increment: 1 } } });
    const { vmId } = command;
    const { vmType } = await tx.vm.findUniqueOrThrow({ where: { id: vmId }, select: { vmType: true } });
    tell({ kind: 'COMMAND_CANCELLING', vmType, vmId, data: { commandId: id } });
    return { command: asked, changed: true };
  });
}
