import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever waits for long asks at leisure: a server asked all the time has no time for what is waited for. Milliseconds. */
const MOST_PAUSE_MS = 160;

/** Asks again and again until the answer is neither undefined nor false; throws, saying what was awaited, after `limitMs`. */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false>, limitMs = 20_000): Promise<T> {
  const began = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    const waitedMs = Date.now() - began;
    if (waitedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(Math.min(10 + waitedMs / 20, MOST_PAUSE_MS));
  }
}
