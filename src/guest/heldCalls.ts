/** One guest has one poll at a time; a second may be the same guest after its connection broke. */
const HELD_PER_MACHINE = 2;

/** The calls that wait for something to do. Of more than two for one machine the oldest is let go. */
export class HeldCalls {
  readonly #calls = new Map<string, AbortController[]>();
  #stopped = false;

  /** Runs `wait` with a signal that aborts when the call is to be answered with nothing. */
  async hold<T>(machineId: string, wait: (released: AbortSignal) => Promise<T>): Promise<T> {
    const mine = new AbortController();
    if (this.#stopped) mine.abort();
    const calls = this.#calls.get(machineId) ?? [];
    this.#calls.set(machineId, calls);
    calls.push(mine);
    if (calls.length > HELD_PER_MACHINE) calls.shift()?.abort();
    try {
      return await wait(mine.signal);
    } finally {
      const at = calls.indexOf(mine);
      if (at >= 0) calls.splice(at, 1);
      if (calls.length === 0 && this.#calls.get(machineId) === calls) this.#calls.delete(machineId);
    }
  }

  /** Lets all go, and whoever comes. */
  stop(): void {
    this.#stopped = true;
    for (const calls of this.#calls.values()) for (const call of calls) call.abort();
  }
}
