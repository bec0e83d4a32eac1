/** The entries that were set last, a bounded number of them: what is forgotten is taken as never known. */
export class Recent<V> {
  readonly #entries = new Map<string, V>();

  constructor(readonly max = 10_000) {}

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.max) this.#entries.delete(this.#entries.keys().next().value as string);
  }
}
