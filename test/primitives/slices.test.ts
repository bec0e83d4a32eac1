import { setImmediate as immediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Slices } from '../../src/primitives/slices.js';

/** Takes the processor for so long, in pieces that promises follow each other in. */
async function busy(ms: number): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; ) await Promise.resolve();
}

test('callers take turns, each with what it asked for first', async () => {
  const slices = new Slices();
  const order: string[] = [];
  const go = (caller: string, name: string) => slices.turn(caller).then(() => void order.push(name));
  await Promise.all([go('a', 'a1'), go('a', 'a2'), go('a', 'a3'), go('b', 'b1'), go('b', 'b2'), go('c', 'c1')]);
  expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('one goes on until it waits for something before the next begins', async () => {
  const slices = new Slices();
  let inside = 0;
  let most = 0;
  const go = async (caller: string) => {
    await slices.turn(caller);
    most = Math.max(most, ++inside);
    await busy(1);
    inside--;
  };
  await Promise.all(['a', 'a', 'b', 'c'].map(go));
  expect(most).toBe(1);
});

test('many short ones are done at once, and between long ones the process does other things', async () => {
  const slices = new Slices();
  const seen = async (ms: number): Promise<number> => {
    let done = 0;
    const all = Array.from({ length: 40 }, () =>
      slices
        .turn('a')
        .then(() => busy(ms))
        .finally(() => done++),
    );
    await immediate(); // behind the first slice
    const atOnce = done;
    await Promise.all(all);
    return atOnce;
  };
  expect(await seen(0)).toBeGreaterThan(5);
  expect(await seen(4)).toBeLessThan(5);
});

test('it begins again after a rest', async () => {
  const slices = new Slices();
  await slices.turn('a');
  await immediate();
  await slices.turn('a');
});
