import type { Db } from '../db/client.js';
import { guestsSeen } from '../db/guests.js';
import type { Logger } from '../log.js';

const FLUSH_MS = 10_000;

/** When guests called in, kept here and written together: a poll costs the database no write. */
export class Heartbeats {
  #seen = new Map<string, Date>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    readonly options: { db: Db; log: Logger },
    readonly everyMs = FLUSH_MS,
  ) {}

  seen(machineId: string): void {
    if (this.#stopped) return; // the database may be closed by now
    this.#seen.set(machineId, new Date());
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flushing = this.#flush();
    }, this.everyMs).unref();
  }

  /** Writes what is not written yet; nothing more is noted. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#flushing;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const { db, log } = this.options;
    const seen = this.#seen;
    this.#seen = new Map();
    if (seen.size === 0) return;
    // Lost, it is made up for by the next call of each.
    await guestsSeen(db, seen).catch((err: unknown) => log.warn({ err }, 'heartbeats of guests were not noted'));
  }
}
