import PQueue from 'p-queue';
import { Refusal } from '../domain/errors.js';
import { NotLeading } from '../domain/lead.js';
import type { Logger } from '../log.js';

/** More at once would only stand in line for the database's connections. */
const CONCURRENCY = 64;

/**
 * Work on many things at once, on each thing one piece at a time: a poke during its run adds one more run of it.
 * A run that throws is logged; its thing is tried again at the next poke.
 */
export class Tasks {
  readonly #queue = new PQueue({ concurrency: CONCURRENCY });
  readonly #known = new Map<string, 'queued' | 'running' | 'again'>();
  #stopped = false;
  #told: string | undefined;

  constructor(readonly options: { work: (key: string) => Promise<void>; log: Logger }) {}

  /** `urgent` goes before what only waits: a thousand VMs that are to be started do not hold up one that is given back. */
  poke(key: string, { urgent = false } = {}): void {
    if (this.#stopped) return;
    const state = this.#known.get(key);
    if (state === 'running') this.#known.set(key, 'again');
    if (state !== undefined) return;
    this.#known.set(key, 'queued');
    void this.#queue.add(() => this.#run(key), { priority: urgent ? 1 : 0 });
  }

  /** Starts nothing more; resolves when what runs has ended, at most after `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    this.#stopped = true;
    this.#queue.clear();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([this.#queue.onIdle(), limit]);
    clearTimeout(timer);
  }

  async #run(key: string): Promise<void> {
    do {
      this.#known.set(key, 'running');
      try {
        await this.options.work(key);
        this.#told = undefined;
      } catch (err) {
        this.#tell(err, key);
      }
    } while (this.#known.get(key) === 'again' && !this.#stopped);
    this.#known.delete(key);
  }

  /** An engine that is away stops every step: that is said once, until a step works again. */
  #tell(err: unknown, key: string): void {
    const { log } = this.options;
    // Whoever leads now does it.
    if (err instanceof NotLeading) {
      log.debug({ key, why: err.message }, 'step refused');
      return;
    }
    if (!(err instanceof Refusal)) {
      log.error({ err, key }, 'step failed; it is tried again');
      return;
    }
    if (this.#told !== err.message) {
      log.warn({ key, why: err.message, fix: err.fix }, 'steps cannot be done now; they are tried again');
    }
    this.#told = err.message;
  }
}
