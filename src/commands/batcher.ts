interface Waiting<Order, Result> {
  order: Order;
  resolve: (result: Result) => void;
  reject: (err: unknown) => void;
}

/**
 * Runs orders in batches, one batch at a time: the first order starts at once, those that arrive meanwhile go together, at most
 * `size` of them. `run` answers in the order of its orders; when it throws, all orders of that batch fail with it.
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

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.size);
      try {
        const results = await this.run(batch.map(({ order }) => order));
        for (const [n, { resolve }] of batch.entries()) resolve(results[n] as Result);
      } catch (err) {
        for (const { reject } of batch) reject(err);
      }
    }
    this.#running = false;
  }
}
