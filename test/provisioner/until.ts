import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is something, or fails after `limitMs` with what was waited for. */
export async function until<T>(what: string, limitMs: number, ask: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + limitMs; ; ) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as T;
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(50);
  }
}
