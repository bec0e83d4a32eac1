import type { EventFilter } from '../db/events.js';
import type { Event } from '../domain/events.js';
import type { Context } from './context.js';

/**
 * What `make` yields, until the subscriber leaves or the caller is gone. A generator that waits can't be ended from outside
 * by its `return` alone, which would queue behind the wait: so `make` gets a signal that ends the wait.
 */
export function untilGone<T>(
  gone: AbortSignal,
  make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const ended = new AbortController();
  const end = () => {
    gone.removeEventListener('abort', end);
    ended.abort();
  };
  gone.addEventListener('abort', end);
  if (gone.aborted) end();
  const source = make(ended.signal);
  return {
    next: () => source.next(),
    async return() {
      end();
      return source.return();
    },
    async throw(err) {
      end();
      return source.throw(err);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Yields each of `subjects`, then the subject, or the subjects, of every event that passes `filter`: the field's resolver reads it then. Events that
 * came in before a read are in what it read, so a subscriber that is slow, or was handed many events at once, reads once.
 * Ends after a yield before which `isOver` was true.
 */
export function changes(
  { feed, gone, address }: Pick<Context, 'feed' | 'gone' | 'address'>,
  filter: EventFilter,
  subjects: readonly string[],
  subjectsOf: (event: Event) => string | null | Promise<readonly string[]>,
  isOver: () => Promise<boolean> = async () => false,
): AsyncGenerator<string, void, undefined> {
  return untilGone(gone, async function* (signal) {
    const start = feed.head;
    // The events up to here had been committed before the subject was last read.
    const covered = new Map<string, bigint>();
    for (const subject of subjects) {
      covered.set(subject, feed.head);
      const last = await isOver();
      yield subject;
      if (last) return;
    }
    for await (const event of feed.subscribe(start, filter, signal, address)) {
      const found = (await subjectsOf(event)) ?? [];
      for (const subject of typeof found === 'string' ? [found] : found) {
        if (event.seq <= (covered.get(subject) ?? 0n)) continue;
        covered.set(subject, feed.head);
        const last = await isOver();
        yield subject;
        if (last) return;
      }
    }
  });
}

/** What was read for a subject that exists: rows are never deleted. */
export function present<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('the subject of an event has no row');
  return row;
}
