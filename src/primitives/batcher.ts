interface Waiting<Order, Result> {
  order: Order;
  resolve: (result: Result) => void;
  reject: (err: unknown) => void;
}

export interface BatcherOptions<Order, Result> {
  /** Most orders of one batch. */
  size: number;
  /** Answers in the order of its orders. */
  run: (orders: Order[]) => Promise<Result[]>;
  /** An answer for an order that is not to be run any more, asked in the moment before it would be. */
  overtaken?: (order: Order) => Result | undefined;
  /** Whether a failure is nobody's fault, and would meet every other order as well. */
  meetsAll?: (err: unknown) => boolean;
}

/**
 * Runs orders in batches, one batch at a time: those that arrive in one moment, or while a batch runs, go together. When a batch fails, its
 * orders are run one by one, so that only the one that is to blame fails; a failure that meets all fails all that wait, at once.
 */
export class Batcher<Order, Result> {
  #waiting: Waiting<Order, Result>[] = [];
  #running = false;

  constructor(readonly options: BatcherOptions<Order, Result>) {}

  /** How many wait for their turn. Whoever adds keeps it bounded. */
  get length(): number {
    return this.#waiting.length;
  }

  add(order: Order): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  /** Answers the batch, or says why it failed as a whole. */
  async #settle(batch: readonly Waiting<Order, Result>[]): Promise<{ err: unknown } | undefined> {
    try {
      const results = await this.options.run(batch.map(({ order }) => order));
      for (const [n, { resolve }] of batch.entries()) resolve(results[n] as Result);
      return undefined;
    } catch (err) {
      return { err };
    }
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      // Callers who were just answered, or who ask in this same moment, still make it into this batch.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const batch = this.#next();
      const failed = batch.length === 0 ? undefined : await this.#settle(batch);
      if (failed === undefined) continue;
      if (batch.length === 1 || this.#meetsAll(failed.err)) this.#fail(batch, failed.err);
      else await this.#oneByOne(batch);
    }
    this.#running = false;
  }

  async #oneByOne(batch: Waiting<Order, Result>[]): Promise<void> {
    for (let one = batch.shift(); one !== undefined; one = batch.shift()) {
      const failed = await this.#settle([one]);
      if (failed === undefined) continue;
      this.#fail([one], failed.err);
      if (this.#meetsAll(failed.err)) this.#fail(batch.splice(0), failed.err);
    }
  }

  #meetsAll(err: unknown): boolean {
    return this.options.meetsAll?.(err) ?? false;
  }

  /** Those who wait behind them as well, where it would meet them. */
  #fail(batch: readonly Waiting<Order, Result>[], err: unknown): void {
    for (const one of batch) one.reject(err);
    if (this.#meetsAll(err)) for (const one of this.#waiting.splice(0)) one.reject(err);
  }

  #next(): Waiting<Order, Result>[] {
    return this.#waiting.splice(0, this.options.size).filter(({ order, resolve }) => {
      const answer = this.options.overtaken?.(order);
      if (answer !== undefined) resolve(answer);
      return answer === undefined;
    });
  }
}
