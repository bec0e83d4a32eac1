import { Conflict } from '../domain/errors.js';
import { Slots } from '../primitives/slots.js';
import { sweepDrafts } from './drafts.js';

/** Each holds a connection, an open file and a buffer. */
const AT_ONCE = 64;
/** With many uploads at once a look at all of them for each one of them would cost more than they do. Milliseconds. */
const SWEEP_EVERY_MS = 60_000;

/** Files that are being received into the shares of a storage. Shares come and go with the calls, so they can't count. */
export class Receptions {
  readonly #slots = new Slots(AT_ONCE);
  /** Folder → when it was last swept, for as long as that matters; in the order of those times. */
  readonly #sweptAt = new Map<string, number>();

  /** Receives one more file into the share at `root`, unless it is receiving as many as it may. */
  async receive<T>(root: string, work: () => Promise<T>): Promise<T | Conflict> {
    const free = this.#slots.take(root);
    if (free === undefined) {
      return new Conflict(
        `${AT_ONCE} files are being written into this share already`,
        `Write at most ${AT_ONCE} files at once; try again when one of them is done.`,
      );
    }
    try {
      return await work();
    } finally {
      free();
    }
  }

  /** Sweeps a folder of drafts unless that was done within the last minute. */
  async sweepNowAndThen(folder: string): Promise<void> {
    const now = Date.now();
    for (const [swept, at] of this.#sweptAt) {
      if (at + SWEEP_EVERY_MS > now) break;
      this.#sweptAt.delete(swept);
    }
    if (this.#sweptAt.has(folder)) return;
    this.#sweptAt.set(folder, now);
    await sweepDrafts(folder);
  }
}
