import type { Command } from '../../db/commands.js';
import { isCommandOver } from '../../domain/command.js';
import type { Event } from '../../domain/events.js';
import type { ActionContext } from '../context.js';
import { waitForRow } from '../waitForRow.js';

/** The command once it is over, or as it is after `waitMs` or when the caller goes away. */
export function waitForCommand(
  { read, feed, gone, address }: Pick<ActionContext, 'read' | 'feed' | 'gone' | 'address'>,
  command: Command,
  waitMs: number,
): Promise<Command> {
  const { id, vmId } = command;
  const awaited = {
    read: () => read((db) => db.command.findUniqueOrThrow({ where: { id } })),
    isSettled: ({ status }: Command) => isCommandOver(status),
    filter: { vmId, kinds: ['COMMAND_ENDED'] },
    concerns: (event: Event) => event.data.commandId === id,
  };
  return waitForRow(feed, command, awaited, waitMs, { gone, address });
}
