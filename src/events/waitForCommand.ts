import type { Db } from '../db/client.js';
import type { Command } from '../db/commands.js';
import { isCommandOver } from '../domain/command.js';
import type { Feed } from './feed.js';

/** The command once it is over, or as it is after `waitMs` or when the caller goes away. */
export async function waitForCommand(
  { db, feed }: { db: Db; feed: Feed },
  command: Command,
  waitMs: number,
  caller?: AbortSignal,
): Promise<Command> {
  const { id, vmId } = command;
  const read = () => db.command.findUniqueOrThrow({ where: { id } });
  if (isCommandOver(command.status) || waitMs <= 0) return command;
  // The cursor is taken before the row is read again, so what happens between the two is in the feed.
  const cursor = feed.head;
  const latest = await read();
  if (isCommandOver(latest.status)) return latest;
  const limit = AbortSignal.timeout(waitMs);
  const signal = caller ? AbortSignal.any([caller, limit]) : limit;
  for await (const event of feed.subscribe(cursor, { vmId, kinds: ['COMMAND_ENDED'] }, signal))
    if (event.data.commandId === id) break;
  return read();
}
