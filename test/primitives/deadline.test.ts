import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { deadline, Late } from '../../src/primitives/deadline.js';

const aborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));

describe('a deadline', () => {
  test('ends with the time', async () => {
    const { signal } = deadline(5);
    expect(await aborted(signal)).toBeInstanceOf(Late);
  });

  test('ends with any of the others, at once when one is over already, and keeps the reason', async () => {
    const one = new AbortController();
    const { signal } = deadline(60_000, undefined, one.signal, new AbortController().signal);
    const ended = aborted(signal);
    one.abort('gone');
    expect(await ended).toBe('gone');
    expect(deadline(60_000, one.signal).signal.reason).toBe('gone');
  });

  test('lets go of all when it is done', async () => {
    const one = new AbortController();
    const { signal, done } = deadline(1, one.signal);
    done();
    one.abort();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(signal.aborted).toBe(false);
  });

  test('without a limit, and with one longer than a timer takes, goes on', async () => {
    const endless = [deadline(Number.POSITIVE_INFINITY), deadline(2 ** 40)];
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(endless.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    for (const { done } of endless) done();
  });

  test('the garbage collector leaves it alone', async () => {
    // As a poll holds it: only by a listener, while others come and go.
    const script = `
      const { deadline } = await import(process.argv[1]);
      const gone = new AbortController();
      const wait = (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve));
      const waiting = wait(deadline(300, gone.signal).signal);
      const collect = setInterval(() => gc(), 20);
      const late = setTimeout(() => { console.log('never ended'); process.exit(); }, 3000);
      await waiting;
      clearInterval(collect); clearTimeout(late);
      console.log('ended');`;
    const file = new URL('../../src/primitives/deadline.ts', import.meta.url).href;
    const args = ['--import', 'tsx', '--expose-gc', '--input-type=module', '-e', script, file];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
    expect(stdout.trim()).toBe('ended');
  });
});
