import { lastSeq } from '../db/events.js';
import { InvalidInput } from '../domain/errors.js';
import type { ActionContext } from './context.js';

/** The cursor, unless it is beyond the log's end: then it comes from another database, would wait in silence, and skip what comes. */
export async function knownCursor(
  { feed, read }: Pick<ActionContext, 'feed' | 'read'>,
  after: bigint,
): Promise<bigint | InvalidInput> {
  // The feed may be a moment behind what a query has already shown.
  if (after <= feed.head || after <= (await read(lastSeq))) return after;
  const fix = 'There is no such event in this database yet: start with 0, or leave it out.';
  return new InvalidInput('after', String(after), fix);
}
