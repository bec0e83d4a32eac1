/** What waits, by caller: callers take turns, each with what came first. */
export class Rota<T> {
  /** In the order in which callers are to have their turn. */
  readonly #waiting = new Map<string, T[]>();

  add(caller: string, item: T): void {
    const items = this.#waiting.get(caller);
    if (items) items.push(item);
    else this.#waiting.set(caller, [item]);
  }

  /** Takes the next one of the first caller that `may` have it; undefined: there is none. */
  take(may: (caller: string) => boolean = () => true): T | undefined {
    for (const [caller, items] of this.#waiting) {
      if (!may(caller)) continue;
      const item = items.shift();
      this.#waiting.delete(caller);
      if (items.length > 0) this.#waiting.set(caller, items); // behind the others
      return item;
    }
    return undefined;
  }
}
