import type { EventFilter } from '../db/events.js';
import type { Event } from '../domain/events.js';
import type { Feed } from '../events/feed.js';
import { deadline } from '../primitives/deadline.js';
import { patiently } from './patiently.js';

/** What `waitForRow` must know of a row. */
export interface Awaited<Row> {
  read: () => Promise<Row>;
  isSettled: (row: Row) => boolean;
  /** The events that may settle it. */
  filter: EventFilter;
  /** Of those, the ones that are about this row; left out: all. */
  concerns?: (event: Event) => boolean;
}

/** The row once it is settled, or as it is after `waitMs` or when the caller goes away. */
export async function waitForRow<Row>(
  feed: Feed,
  row: Row,
  { read, isSettled, filter, concerns = () => true }: Awaited<Row>,
  waitMs: number,
  caller: { gone: AbortSignal; address: string },
): Promise<Row> {
  if (isSettled(row) || waitMs <= 0) return row;
  // The cursor is taken before the row is read again, so what happens between the two is in the feed.
  const cursor = feed.head;
  const latest = await patiently(read, caller.gone);
  if (isSettled(latest)) return latest;
  const { signal, done } = deadline(waitMs, caller.gone);
  try {
    for await (const event of feed.subscribe(cursor, filter, signal, caller.address)) {
      if (!concerns(event)) continue;
      const now = await patiently(read, caller.gone);
      if (isSettled(now)) return now;
    }
  } finally {
    done();
  }
  return patiently(read, caller.gone);
}
