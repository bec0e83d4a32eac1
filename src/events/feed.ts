import type { Db } from '../db/client.js';
import { type EventFilter, eventsAfter, lastSeq, seqBeforeNewest } from '../db/events.js';
import type { Event } from '../domain/events.js';
import { LIMITS } from '../domain/limits.js';
import type { Logger } from '../log.js';
import type { Slices } from '../primitives/slices.js';
import { Turns } from '../primitives/turns.js';
import type { Bus } from './bus.js';

/** How many of the newest events are kept in memory for all subscribers together. */
const KEPT = 10_000;
const PAGE = 1_000;
/** What a subscriber is given at a time while it is behind. */
const PIECE = LIMITS.replayEvents.value;
/** A lost hint costs at most this. */
const TICK_MS = 5_000;

/**
 * The one reader of the event log in this process. A hint or a tick makes it read what is new, once, however many subscribe;
 * subscribers hold a cursor each and take from memory, or from the database where they are further behind than memory goes.
 * So a slow subscriber costs nothing and misses nothing. They take turns: however many there are, and however far behind, what is new is
 * read and told, the database has room for other reads and the process for other work.
 */
export class Feed {
  readonly #options: { db: Db; bus: Bus; log: Logger; slices: Slices };
  #recent: Event[] = [];
  /** `#recent` holds all events after this one. */
  #recentAfter = 0n;
  /** Events up to here have been read. */
  #head = 0n;
  readonly #replays = new Turns(LIMITS.replaysAtOnce.value);
  #stopped = false;
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(events: readonly Event[]) => void>();
  #unsubscribe: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #remembering: Promise<void> | undefined;
  #again = false;
  #failing = false;

  /** `slices`: in which subscribers take what is new. */
  constructor(options: { db: Db; bus: Bus; log: Logger; slices: Slices }) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#head = await lastSeq(this.#options.db);
    this.#recentAfter = this.#head;
    this.#remembering = this.#remember(this.#head);
    this.#unsubscribe = this.#options.bus.subscribe(() => this.poke());
    this.#timer = setInterval(() => this.poke(), TICK_MS);
    this.poke();
  }

  /** Reads no more. Subscriptions are ended by their callers' signals. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    clearInterval(this.#timer);
    this.#stopped = true;
    await Promise.all([this.#reading, this.#remembering]);
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

  /**
   * Every event after `cursor` that passes the filter, in order, none twice and none left out, until `signal` aborts. `caller` is
   * whoever takes turns with others while it is behind: an address.
   */
  async *subscribe(
    cursor: bigint,
    filter: EventFilter,
    signal: AbortSignal,
    caller = '',
  ): AsyncGenerator<Event, void, undefined> {
    let seen = cursor;
    while (!signal.aborted) {
      if (seen >= this.#head) {
        seen = await this.#next(seen, filter, signal);
        continue;
      }
      const isNew = seen >= this.#recentAfter && this.#head - seen <= PIECE;
      const piece = isNew
        ? this.#fromMemory(seen, filter)
        : await this.#replays.run(caller, () =>
            signal.aborted ? { events: [], upTo: seen } : this.#piece(seen, filter),
          );
      for (const event of piece.events) {
        await this.#options.slices.turn(caller);
        if (signal.aborted) return;
        yield event;
      }
      seen = piece.upTo;
    }
  }

  /** Some of what comes after `seen` and passes, and up to where that is all. */
  async #piece(seen: bigint, filter: EventFilter): Promise<{ events: Event[]; upTo: bigint }> {
    if (seen >= this.#recentAfter) return this.#fromMemory(seen, filter);
    const head = this.#head;
    const events = await eventsAfter(this.#options.db, seen, PIECE, filter);
    // All up to `head` had been committed before the page was read.
    const last = events.at(-1)?.seq ?? head;
    return { events, upTo: events.length < PIECE && last < head ? head : last };
  }

  #fromMemory(seen: bigint, filter: EventFilter): { events: Event[]; upTo: bigint } {
    const events: Event[] = [];
    for (let n = firstAfter(this.#recent, seen); n < this.#recent.length; n++) {
      const event = this.#recent[n] as Event;
      if (!passes(event, filter)) continue;
      events.push(event);
      if (events.length === PIECE) return { events, upTo: event.seq };
    }
    return { events, upTo: this.#head };
  }

  /** What happened before the start: after it, everybody comes back with a cursor of a moment before. */
  async #remember(head: bigint): Promise<void> {
    const { db, log } = this.#options;
    try {
      const after = await seqBeforeNewest(db, KEPT);
      const before: Event[] = [];
      for (let at = after; at < head && !this.#stopped; ) {
        const page = await eventsAfter(db, at, PAGE);
        before.push(...page.filter(({ seq }) => seq <= head));
        at = page.at(-1)?.seq ?? head;
      }
      // Unless so much happened meanwhile that what is kept does not begin there any more.
      if (!this.#stopped && this.#recentAfter === head) this.#keep([...before, ...this.#recent], after);
    } catch (err) {
      log.warn({ err }, 'the newest events are not kept in memory; they are read again when they are asked for');
    }
  }

  /** All events after `after`, of which the newest are kept. */
  #keep(events: Event[], after: bigint): void {
    const rest = Math.max(0, events.length - KEPT);
    this.#recentAfter = events[rest - 1]?.seq ?? after;
    this.#recent = rest === 0 ? events : events.slice(rest);
  }

  async #read(): Promise<void> {
    const { db, log } = this.#options;
    while (this.#again) {
      this.#again = false;
      try {
        for (;;) {
          const events = await eventsAfter(db, this.#head, PAGE);
          const last = events.at(-1);
          if (last === undefined) break;
          this.#keep([...this.#recent, ...events], this.#recentAfter);
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
    (filter.poolId === undefined || event.poolId === filter.poolId) &&
    (filter.vmType === undefined || event.vmType === filter.vmType) &&
    (filter.kinds === undefined || filter.kinds.includes(event.kind))
  );
}
