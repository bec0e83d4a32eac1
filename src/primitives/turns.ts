import { Slots } from './slots.js';

/**
 * Work of many callers, a few pieces at a time. Callers take turns, each with what it asked for first; and between two pieces the
 * process does other things.
 */
export class Turns {
  /** In the order in which callers are to have their turn. */
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
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
      const pieces = this.#waiting.get(caller);
      if (pieces) pieces.push(piece);
      else this.#waiting.set(caller, [piece]);
      this.#start();
    });
  }

  #start(): void {
    for (const [caller, pieces] of this.#waiting) {
      if (this.#places.areAllTaken) return;
      const free = this.#places.take(caller);
      if (free === undefined) continue; // it has as many as it may
      const piece = pieces.shift();
      this.#waiting.delete(caller);
      if (pieces.length > 0) this.#waiting.set(caller, pieces); // behind the others
      setImmediate(() => {
        void piece?.().then(() => {
          free();
          this.#start();
        });
      });
    }
  }
}
