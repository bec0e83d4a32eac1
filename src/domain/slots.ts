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

  /** Takes one, and answers how to give it back, which is to be done once; undefined: as many are taken as may be. */
  take(key: string): (() => void) | undefined {
    const others = this.#taken.get(key) ?? 0;
    if (others >= this.most || this.areAllTaken) return undefined;
    this.#taken.set(key, others + 1);
    this.#all++;
    return () => {
      this.#all--;
      const left = (this.#taken.get(key) ?? 1) - 1;
      if (left > 0) this.#taken.set(key, left);
      else this.#taken.delete(key);
    };
  }
}
