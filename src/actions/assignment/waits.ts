import type { Db } from '../../db/client.js';
import { renewWaits } from '../../db/waits.js';

const RENEW_MS = 3_000;

/** The requests that somebody waits for in this server. It says so in their rows for as long as that is so. */
export class Waits {
  readonly #calls = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;

  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** A call begins to wait; returns how to say that it waits no longer. */
  enter(id: string): () => void {
    this.#calls.set(id, (this.#calls.get(id) ?? 0) + 1);
    this.#timer ??= setInterval(() => void this.#renew(), RENEW_MS).unref();
    return () => {
      const left = (this.#calls.get(id) ?? 0) - 1;
      if (left > 0) this.#calls.set(id, left);
      else this.#calls.delete(id);
      if (this.#calls.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** One that fails is made up for by the next: the rows say so for longer than a few of them take. */
  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    await renewWaits(this.#db, [...this.#calls.keys()]).catch(() => undefined);
    this.#renewing = false;
  }
}
