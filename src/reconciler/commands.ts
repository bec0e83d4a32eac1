import { type Command, lockCommand, overdueCommands, unconfirmedCancels, unheardCommands } from '../db/commands.js';
import type { CommandStatus } from '../domain/command.js';
import { type CommandEnd, endCommand } from '../transitions/endCommand.js';
import type { Deps } from './deps.js';

/** The guest ends a command whose time is over, and says so; for that it has this long. */
const REPORT_SECONDS = 60;
/** A guest that hears of a cancel kills within seconds. */
const CANCEL_SECONDS = 120;
/** How long a command waits for an agent that does not call in. */
const UNHEARD_MS = 10 * 60_000;

/** Ends commands of which nothing more is heard. A time in which no server led, and heard, is not the guest's fault. */
export async function reconcileCommands({
  db,
  write,
  now,
  ledSince,
}: Pick<Deps, 'db' | 'write' | 'now' | 'ledSince'>): Promise<void> {
  const at = now();
  const end = (id: string, from: CommandStatus, endOf: (command: Command) => CommandEnd) =>
    write(async (tx, tell) => {
      const command = await lockCommand(tx, id);
      if (command?.status === from) await endCommand(tx, tell, command, endOf(command));
    });
  for (const id of await overdueCommands(db, at, ledSince, REPORT_SECONDS))
    await end(id, 'RUNNING', () => ({ event: 'TIMED_OUT', reason: 'the guest did not report its end' }));
  for (const id of await unconfirmedCancels(db, at, ledSince, CANCEL_SECONDS))
    await end(id, 'RUNNING', () => ({ event: 'CANCELLED', reason: 'cancelled; the guest did not confirm it' }));
  const before = new Date(at.getTime() - UNHEARD_MS);
  if (ledSince > before) return;
  for (const id of await unheardCommands(db, before)) await end(id, 'QUEUED', unheard);
}

function unheard({ transport }: Command): CommandEnd {
  const reason = transport === 'AGENT' ? "the guest's agent did not call in" : 'the QEMU guest agent did not take it';
  return { event: 'BROKE', reason };
}
