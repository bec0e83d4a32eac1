import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Sends at a fixed rate, whether or not earlier ones were answered; answers each one's milliseconds from the moment that it
 * was due, so that a stall counts for all who would have come meanwhile.
 */
export async function openLoop(
  perSecond: number,
  count: number,
  send: (n: number) => Promise<void>,
): Promise<number[]> {
  const begin = performance.now() + 10;
  const under: Promise<number>[] = [];
  for (let n = 0; n < count; n++) {
    const due = begin + (n * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await sleep(wait);
    const answered = send(n).then(() => performance.now() - due);
    answered.catch(() => {}); // it may fail long before all were sent; the end tells
    under.push(answered);
  }
  return Promise.all(under);
}

/** Milliseconds of each of `count` calls, one after the other. */
export async function oneByOne(count: number, call: (n: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    await call(n);
    times.push(performance.now() - begun);
  }
  return times;
}
