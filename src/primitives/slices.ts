import { Rota } from './rota.js';

/** After so long the process does other things. */
const SLICE_MS = 5;

/**
 * Turns of many callers to use the processor: one goes on until it waits for something, then one of another caller, for some milliseconds
 * at a time; between two such slices the process reads the network and does what else there is. So a caller waits for no more than a few
 * pieces of each other one, however many those have.
 */
export class Slices {
  readonly #waiting = new Rota<() => void>();
  #isGoing = false;

  /** Resolves when it is the caller's turn. */
  turn(caller: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(caller, resolve);
      if (this.#isGoing) return;
      this.#isGoing = true;
      this.#begin();
    });
  }

  #begin(): void {
    setImmediate(() => this.#goOn(performance.now()));
  }

  #goOn(begun: number): void {
    const piece = this.#waiting.take();
    if (piece === undefined) {
      this.#isGoing = false;
      return;
    }
    piece();
    // A tick that is asked for among the promises comes when all of them have gone as far as they can.
    queueMicrotask(() =>
      process.nextTick(() => {
        if (performance.now() - begun < SLICE_MS) this.#goOn(begun);
        else this.#begin();
      }),
    );
  }
}
