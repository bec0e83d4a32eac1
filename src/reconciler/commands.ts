import { endCommand } from '../commands/endCommand.js';
import { lockCommand, overdueCommands, unconfirmedCancels, unheardCommands } from '../db/commands.js';
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
  for (const id of await overdueCommands(db, at, ledSince, REPORT_SECONDS)) {
    await write(async (tx, tell) => {
      const command = await lockCommand(tx, id);
      if (command?.status !== 'RUNNING') return;
      const reason = 'the guest did not report its end';
      await endCommand(tx, tell, command, 'reconciler', { event: 'TIMED_OUT', reason });
    });
  }
  for (const id of await unconfirmedCancels(db, at, ledSince, CANCEL_SECONDS)) {
    await write(async (tx, tell) => {
      const command = await lockCommand(tx, id);
      if (command?.status !== 'RUNNING') return;
      const reason = 'cancelled; the guest did not confirm it';
      await endCommand(tx, tell, command, 'reconciler', { event: 'CANCELLED', reason });
    });
  }
  const before = new Date(at.getTime() - UNHEARD_MS);
  if (ledSince > before) return;
  for (const id of await unheardCommands(db, before)) {
    await write(async (tx, tell) => {
      const command = await lockCommand(tx, id);
      if (command?.status !== 'QUEUED') return;
      const reason =
        command.transport === 'AGENT' ? "the guest's agent did not call in" : 'the QEMU guest agent did not take it';
      await endCommand(tx, tell, command, 'reconciler', { event: 'BROKE', reason });
    });
  }
}
