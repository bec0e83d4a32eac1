import { Refusal } from '../domain/errors.js';
import type { Logger } from '../log.js';

/**
 * Work on many things at once, on each thing one piece at a time: a poke during its run adds one more run of it.
 * A run that throws is logged; its thing is tried again at the next poke.
 */
export class Tasks {
  /** Running keys; true: once more. */
  readonly #running = new Map<string, boolean>();
  readonly #runs = new Set<Promise<void>>();
  #stopped = false;
  #told: string | undefined;

  constructor(readonly options: { work: (key: string) => Promise<void>; log: Logger }) {}

  poke(key: string): void {
    if (this.#stopped) return;
    if (this.#running.has(key)) {
      this.#running.set(key, true);
      return;
    }
    const run = this.#run(key);
    this.#runs.add(run);
    void run.finally(() => this.#runs.delete(run));
  }

  /** Starts nothing more; resolves when what runs has ended, at most after `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    this.#stopped = true;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([Promise.all(this.#runs), limit]);
    clearTimeout(timer);
  }

  /** An engine that is away stops every step: that is said once, until a step works again. */
  #tell(err: unknown, key: string): void {
    const { log } = this.options;
    if (!(err instanceof Refusal)) log.error({ err, key }, 'step failed; it is tried again');
    else if (this.#told !== err.message)
      log.warn({ key, why: err.message, fix: err.fix }, 'steps cannot be done now; they are tried again');
    if (err instanceof Refusal) this.#told = err.message;
  }

  async #run(key: string): Promise<void> {
    do {
      this.#running.set(key, false);
      try {
        await this.options.work(key);
        this.#told = undefined;
      } catch (err) {
        this.#tell(err, key);
      }
    } while (this.#running.get(key) === true && !this.#stopped);
    this.#running.delete(key);
  }
}
