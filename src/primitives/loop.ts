import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';

/**
 * Runs `pass` every `everyMs` milliseconds, and at once after a poke. Never two passes at a time;
 * pokes during a pass add up to one more. A pass that throws is logged, once while it fails the same way, and
 * tried again at its next turn.
 */
export class Loop {
  readonly #stopped = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(readonly options: { name: string; everyMs: number; pass: () => Promise<void>; log: Logger }) {}

  start(): void {
    this.#running = this.#run();
  }

  poke(): void {
    this.#wake.abort();
  }

  /** Resolves when the pass in progress has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.poke();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { name, everyMs, pass, log } = this.options;
    let failing: string | undefined;
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      this.#wake = new AbortController();
      await pass().then(
        () => {
          if (failures > 1) log.info({ loop: name, failures }, 'pass works again');
          failing = undefined;
          failures = 0;
        },
        (err: unknown) => {
          // The same again is not news: a database or an engine that is away fails every pass.
          const why = String(err);
          if (failing !== why) log.error({ err, loop: name }, 'pass failed; it is tried again at each turn');
          failing = why;
          failures++;
        },
      );
      await sleep(everyMs, undefined, { signal: this.#wake.signal }).catch(() => {}); // a poke ends the wait early
    }
  }
}
