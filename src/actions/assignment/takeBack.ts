import { lockVm } from '../../db/vms.js';
import { openOnes } from '../../db/waits.js';
import type { Write } from '../../db/write.js';
import { cancelQueued } from '../../transitions/cancelQueued.js';
import { release } from '../../transitions/release.js';

const LOOK_MS = 2_000;
/** A statement that nobody waits for has ended on the server by then, and so has a transaction that nobody ends (db/connection.ts). */
const UNCERTAIN_MS = 30_000;
const REASON = 'its caller was told that it failed';

/**
 * Orders whose transaction was cut off: nobody knows whether they were committed, and their callers were told an error. When the database
 * answers again, what was committed is undone, for as long as something that was under way may still be.
 */
export class TakeBack {
  /** When each may be forgotten; undefined: not before the database has answered. */
  readonly #ids = new Map<string, number | undefined>();
  readonly #write: Write;
  #timer: NodeJS.Timeout | undefined;

  constructor({ write, stopped }: { write: Write; stopped?: AbortSignal | undefined }) {
    this.#write = write;
    stopped?.addEventListener('abort', () => {
      this.#ids.clear();
      clearTimeout(this.#timer);
    });
  }

  get length(): number {
    return this.#ids.size;
  }

  add(assignmentIds: readonly string[]): void {
    for (const id of assignmentIds) this.#ids.set(id, undefined);
    this.#look();
  }

  #look(): void {
    if (this.#ids.size === 0) return;
    this.#timer ??= setTimeout(() => {
      void this.#pass().finally(() => {
        this.#timer = undefined;
        this.#look();
      });
    }, LOOK_MS).unref();
  }

  async #pass(): Promise<void> {
    try {
      await this.#write(
        async (tx, tell) => {
          for (const { id, vmId } of await openOnes(tx, [...this.#ids.keys()])) {
            const vm = vmId === null ? null : await lockVm(tx, vmId);
            if (vm) await release(tx, tell, vm, REASON);
            else await cancelQueued(tx, tell, id, REASON);
          }
        },
        { makesRoom: true },
      );
    } catch {
      return; // the database is still away: the next look makes up for it
    }
    const now = performance.now();
    for (const [id, until] of this.#ids) {
      if (until === undefined) this.#ids.set(id, now + UNCERTAIN_MS);
      else if (until < now) this.#ids.delete(id);
    }
  }
}
