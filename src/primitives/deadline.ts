/** A limit in time that is held until `done` is called. */
export interface Deadline {
  /** Aborted when the time is over, or as soon as one of the others is; its reason is theirs. */
  signal: AbortSignal;
  /** Lets go of the timer and of the others. To be called when the call has ended, however it did. */
  done: () => void;
}

/**
 * The one way to limit a call. Not `AbortSignal.any` with `AbortSignal.timeout` in it: Node 20 lets the garbage collector take those
 * away, timer and all, and then the call has no end. `limitMs` may be without one: then only the others end it.
 */
export function deadline(limitMs: number, ...others: readonly (AbortSignal | undefined)[]): Deadline {
  const over = new AbortController();
  const given = others.filter((other) => other !== undefined);
  const timer = Number.isFinite(limitMs)
    ? setTimeout(() => over.abort(new Late(limitMs)), Math.min(limitMs, LONGEST_TIMER_MS))
    : undefined;
  const follow = ({ target }: Event) => over.abort((target as AbortSignal).reason);
  for (const other of given) {
    if (other.aborted) over.abort(other.reason);
    else other.addEventListener('abort', follow, { once: true });
  }
  return {
    signal: over.signal,
    done: () => {
      clearTimeout(timer);
      for (const other of given) other.removeEventListener('abort', follow);
    },
  };
}

/** Longer ones ring at once: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** It was not done in time. */
export class Late extends Error {
  constructor(readonly limitMs: number) {
    super(`not done within ${limitMs / 1000} s`);
  }
}
