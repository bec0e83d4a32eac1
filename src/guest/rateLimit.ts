/** Lets through `perSecond` calls a second for each key, and `burst` at once after a pause. Holds a bounded number of keys. */
export class RateLimit {
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(
    readonly perSecond: number,
    readonly now: () => number = () => performance.now(),
    readonly maxKeys = 10_000,
    readonly burst = perSecond,
  ) {}

  allows(key: string): boolean {
    const at = this.now();
    const known = this.#buckets.get(key);
    const left =
      known === undefined ? this.burst : Math.min(this.burst, known.left + ((at - known.at) / 1000) * this.perSecond);
    const allowed = left >= 1;
    // The one used last goes to the end, so that the first is the one that was idle for longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: allowed ? left - 1 : left, at });
    if (this.#buckets.size > this.maxKeys) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return allowed;
  }
}
