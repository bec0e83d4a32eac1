import type { Db } from '../db/client.js';
import { type EventFilter, eventsAfter, lastSeq } from '../db/events.js';
import type { Event } from '../domain/events.js';
import type { Logger } from '../log.js';
import type { Bus } from './bus.js';

/** How many of the newest events are kept in memory for all subscribers together. */
const KEPT = 10_000;
const PAGE = 1_000;
/** A lost hint costs at most this. */
const TICK_MS = 5_000;

/**
 * The one reader of the event log in this process. A hint or a tick makes it read what is new, once, however many subscribe;
 * subscribers hold a cursor each and take from memory, or from the database where they are further behind than memory goes.
 * So a slow subscriber costs nothing and misses nothing.
 */
export class Feed {
  #recent: Event[] = [];
  /** Events up to here have been read. */
  #head = 0n;
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(events: readonly Event[]) => void>();
  #unsubscribe: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  #failing = false;

  constructor(readonly options: { db: Db; bus: Bus; log: Logger }) {}

  async start(): Promise<void> {
    this.#head = await lastSeq(this.options.db);
    this.#unsubscribe = this.options.bus.subscribe(() => this.poke());
    this.#timer = setInterval(() => this.poke(), TICK_MS);
    this.poke();
  }

  /** Reads no more. Subscriptions are ended by their callers' signals. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    clearInterval(this.#timer);
    await this.#reading;
  }

  /** The cursor of the newest event that was read. */
  get head(): bigint {
    return this.#head;
  }

  /** Reads what is new. Pokes during a read add up to one more. */
  poke(): void {
    this.#again = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
  }

  /** Calls back with each run of new events, in order; for the reconciler, which needs no replay. Returns how to stop. */
  onEvents(listener: (events: readonly Event[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every event after `cursor` that passes the filter, in order, none twice and none left out, until `signal` aborts. */
  async *subscribe(cursor: bigint, filter: EventFilter, signal: AbortSignal): AsyncGenerator<Event, void, undefined> {
    let seen = cursor;
    while (!signal.aborted) {
      const head = this.#head;
      if (seen >= head) {
        seen = await this.#next(seen, filter, signal);
        continue;
      }
      const oldest = this.#recent[0]?.seq;
      if (oldest !== undefined && seen >= oldest - 1n) {
        const events = this.#recent;
        for (let n = firstAfter(events, seen); n < events.length && !signal.aborted; n++) {
          const event = events[n] as Event;
          seen = event.seq;
          if (passes(event, filter)) yield event;
        }
        if (seen < head) seen = head;
      } else {
        const page = await eventsAfter(this.options.db, seen, PAGE, filter);
        for (const event of page) {
          if (signal.aborted) return;
          seen = event.seq;
          yield event;
        }
        // All up to `head` had been committed before the page was read.
        if (page.length < PAGE && seen < head) seen = head;
      }
    }
  }

  async #read(): Promise<void> {
    const { db, log } = this.options;
    while (this.#again) {
      this.#again = false;
      try {
        for (;;) {
          const events = await eventsAfter(db, this.#head, PAGE);
          const last = events.at(-1);
          if (last === undefined) break;
          // A new array: subscribers in the middle of the old one keep their place.
          this.#recent = [...this.#recent.slice(Math.max(0, this.#recent.length + events.length - KEPT)), ...events];
          this.#head = last.seq;
          for (const waiter of this.#waiters) waiter.see(events);
          for (const listener of this.#listeners) listener(events);
          if (events.length < PAGE) break;
        }
        if (this.#failing) log.info('the event log can be read again');
        this.#failing = false;
      } catch (err) {
        if (!this.#failing) log.error({ err }, 'the event log cannot be read; trying again at each tick');
        this.#failing = true;
      }
    }
  }

  /**
   * Waits for an event that passes; answers the place from which to read on. Those that do not pass are stepped over without
   * waking anybody: with a thousand subscribers, each for its own VM, an event concerns one.
   */
  #next(seen: bigint, filter: EventFilter, signal: AbortSignal): Promise<bigint> {
    return new Promise((resolve) => {
      let at = seen;
      const done = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', done);
        resolve(at);
      };
      const waiter: Waiter = {
        see: (events) => {
          if (events.some((event) => passes(event, filter))) done();
          else at = events.at(-1)?.seq ?? at;
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** A subscriber that has read all there is. */
interface Waiter {
  see: (events: readonly Event[]) => void;
}

function firstAfter(events: readonly Event[], seq: bigint): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as Event).seq > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

function passes(event: Event, filter: EventFilter): boolean {
  return (
    (filter.vmId === undefined || event.vmId === filter.vmId) &&
    (filter.goldenImageId === undefined || event.goldenImageId === filter.goldenImageId) &&
    (filter.assignmentId === undefined || event.assignmentId === filter.assignmentId) &&
    (filter.vmType === undefined || event.vmType === filter.vmType) &&
    (filter.kinds === undefined || filter.kinds.includes(event.kind))
  );
}
