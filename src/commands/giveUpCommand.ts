import { lockCommand } from '../db/commands.js';
import type { CommandDeps } from './deps.js';
import { endCommand } from './endCommand.js';
import { lostEnd } from './noteResult.js';

/** Ends a command that an earlier start of the agent ran and that this one (`session`) knows nothing of. */
export async function giveUpCommand(
  { write }: Pick<CommandDeps, 'write'>,
  commandId: string,
  session: string,
): Promise<void> {
  await write(async (tx, tell) => {
    const command = await lockCommand(tx, commandId);
    if (command?.status !== 'RUNNING' || command.session === session) return;
    await endCommand(tx, tell, command, 'guest', lostEnd(command));
  });
}
