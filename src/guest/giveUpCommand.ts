import { lockCommand } from '../db/commands.js';
import type { Write } from '../db/write.js';
import { endCommand } from '../transitions/endCommand.js';
import { lostEnd } from './noteResult.js';

/** Ends a command that an earlier start of the agent ran and that this one (`session`) knows nothing of. */
export async function giveUpCommand({ write }: { write: Write }, commandId: string, session: string): Promise<void> {
  await write(async (tx, tell) => {
    const command = await lockCommand(tx, commandId);
    if (command?.status !== 'RUNNING' || command.session === session) return;
    await endCommand(tx, tell, command, lostEnd(command));
  });
}
