/** At most so many at once for each key, and for all keys together. Holds nothing of keys that have none. */
export class Slots {
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(
    readonly most: number,
    readonly mostOfAll = Number.POSITIVE_INFINITY,
  ) {}

  get areAllTaken(): boolean {
    return this.#all >= this.mostOfAll;
  }

  /** Takes some, and answers how to give them back, which is to be done once; undefined: so many are not left. */
  take(key: string, count = 1): (() => void) | undefined {
    const others = this.#taken.get(key) ?? 0;
    if (others + count > this.most || this.#all + count > this.mostOfAll) return undefined;
    this.#taken.set(key, others + count);
    this.#all += count;
    return () => {
      this.#all -= count;
      const left = (this.#taken.get(key) ?? count) - count;
      if (left > 0) this.#taken.set(key, left);
      else this.#taken.delete(key);
    };
  }
}
