import { Rota } from './rota.js';
import { Slots } from './slots.js';

/**
 * Work of many callers, a few pieces at a time. Callers take turns, each with what it asked for first; and between two pieces the
 * process does other things.
 */
export class Turns {
  readonly #waiting = new Rota<() => Promise<void>>();
  readonly #places: Slots;

  /** `ofOneCaller`: how many pieces of the same caller there may be among those. */
  constructor(atOnce: number, ofOneCaller = atOnce) {
    this.#places = new Slots(ofOneCaller, atOnce);
  }

  run<T>(caller: string, work: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const piece = async () => {
        try {
          resolve(await work());
        } catch (err) {
          reject(err as Error);
        }
      };
      this.#waiting.add(caller, piece);
      this.#start();
    });
  }

  #start(): void {
    while (!this.#places.areAllTaken) {
      let free: (() => void) | undefined;
      const piece = this.#waiting.take((caller) => {
        free = this.#places.take(caller);
        return free !== undefined; // else it has as many as it may
      });
      if (piece === undefined) return;
      setImmediate(() => {
        void piece().then(() => {
          free?.();
          this.#start();
        });
      });
    }
  }
}
