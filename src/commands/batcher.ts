interface Waiting<Order, Result> {
  order: Order;
  resolve: (result: Result) => void;
  reject: (err: unknown) => void;
}

/**
 * Runs orders in batches, one batch at a time: those that arrive in one moment, or while a batch runs, go together, at most
 * `size` of them. `run` answers in the order of its orders. When a batch fails, its orders are run one by one, so that only the
 * one that is to blame fails.
 */
export class Batcher<Order, Result> {
  #waiting: Waiting<Order, Result>[] = [];
  #running = false;

  constructor(
    readonly size: number,
    readonly run: (orders: Order[]) => Promise<Result[]>,
  ) {}

  add(order: Order): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  /** Answers the batch, or says why it failed as a whole. */
  async #settle(batch: readonly Waiting<Order, Result>[]): Promise<{ err: unknown } | undefined> {
    try {
      const results = await this.run(batch.map(({ order }) => order));
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
      const batch = this.#waiting.splice(0, this.size);
      const failed = await this.#settle(batch);
      if (failed === undefined) continue;
      if (batch.length === 1) batch[0]?.reject(failed.err);
      else
        for (const one of batch) {
          const alone = await this.#settle([one]);
          if (alone) one.reject(alone.err);
        }
    }
    this.#running = false;
  }
}
