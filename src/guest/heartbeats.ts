import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/client.js';
import { guestsSeen } from '../db/guests.js';
import { listening } from '../db/sightings.js';
import type { Logger } from '../log.js';

const LONGEST_PAUSE_MS = 10_000;
/** Several within the time after which a pause counts as one in which nobody listened. */
const PAUSE_SHARE = 1 / 9;
/** A guest that holds its calls no longer than this is heard of in time. */
const HOLD_SHARE = 1 / 3;

export interface HeartbeatsOptions {
  db: Db;
  /** A VM that is not heard of for this long is not handed out. */
  unheardMs: number;
  /** Whether a call of its guest shows that a VM is alive. */
  counts: boolean;
  /** Whether a guest that lives would be heard now. */
  listens: () => boolean;
  log: Logger;
}

/**
 * When guests called in, kept here and written together: a poll costs the database no write. Written with them: that this server
 * listens, without which silence means nothing.
 */
export class Heartbeats {
  #seen = new Map<string, number>();
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #told = false;

  constructor(readonly options: HeartbeatsOptions) {}

  /** How long a guest's call may be held. */
  get longestHoldMs(): number {
    return this.options.unheardMs * HOLD_SHARE;
  }

  start(): void {
    this.#running = this.#run();
  }

  seen(machineId: string): void {
    if (this.#stopped.signal.aborted) return; // the database may be closed by now
    this.#seen.set(machineId, performance.now());
  }

  /** Writes what is not written yet; nothing more is noted. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#flush();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, this.options.unheardMs * PAUSE_SHARE);
    while (!signal.aborted) {
      await this.#flush();
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #flush(): Promise<void> {
    const { db, log, unheardMs, counts, listens } = this.options;
    const seen = this.#seen;
    this.#seen = new Map();
    const now = performance.now();
    try {
      if (seen.size > 0) await guestsSeen(db, new Map([...seen].map(([id, at]) => [id, now - at])), counts);
      // After what was heard is written: who called is not taken for silent.
      if (listens()) await listening(db, unheardMs);
      this.#told = false;
    } catch (err) {
      // Lost, it is made up for by the next call of each.
      if (!this.#told) log.warn({ err }, 'heartbeats of guests were not noted');
      this.#told = true;
    }
  }
}
