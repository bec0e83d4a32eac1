import PQueue from 'p-queue';
import type { Logger } from '../log.js';
import { Failures } from './failures.js';

/** More at once would only stand in line for the database's connections. */
const CONCURRENCY = 64;
/** A piece of work that lasts longer gives its place to others and goes on beside them. A first pull, or a seal, takes minutes. */
const SLOW_MS = 120_000;

interface TasksOptions {
  work: (key: string) => Promise<void>;
  log: Logger;
  concurrency?: number;
  slowMs?: number;
}

/**
 * Work on many things at once, on each thing one piece at a time: a poke during its run adds one more run of it.
 * A run that throws is logged; its thing is tried again at the next poke. One that does not end holds up nothing but its own thing.
 */
export class Tasks {
  readonly #queue: PQueue;
  readonly #known = new Map<string, 'queued' | 'running' | 'again'>();
  readonly #failures: Failures;
  #stopped = false;

  constructor(readonly options: TasksOptions) {
    this.#queue = new PQueue({ concurrency: options.concurrency ?? CONCURRENCY });
    this.#failures = new Failures(options.log);
  }

  /** `urgent` goes before what only waits: a thousand VMs that are to be started do not hold up one that is given back. */
  poke(key: string, { urgent = false } = {}): void {
    if (this.#stopped) return;
    const state = this.#known.get(key);
    if (state === 'running') this.#known.set(key, 'again');
    if (state !== undefined) return;
    this.#known.set(key, 'queued');
    void this.#queue.add(() => this.#turn(key), { priority: urgent ? 1 : 0 });
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

  /** Holds a place in the queue until the run has ended, or for as long as one may. */
  #turn(key: string): Promise<void> {
    const { log, slowMs = SLOW_MS } = this.options;
    return new Promise((resolve) => {
      let isSlow = false;
      const began = performance.now();
      const timer = setTimeout(() => {
        isSlow = true;
        log.warn({ key, afterMs: slowMs }, 'a step takes long; others do not wait for it');
        resolve();
      }, slowMs);
      void this.#run(key).then(() => {
        clearTimeout(timer);
        if (isSlow) log.info({ key, tookMs: Math.round(performance.now() - began) }, 'the long step has ended');
        resolve();
      });
    });
  }

  async #run(key: string): Promise<void> {
    do {
      this.#known.set(key, 'running');
      try {
        await this.options.work(key);
        this.#failures.worked(key);
      } catch (err) {
        this.#failures.failed(key, err);
      }
    } while (this.#known.get(key) === 'again' && !this.#stopped);
    this.#known.delete(key);
  }
}
