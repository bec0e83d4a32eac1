import { expect, test } from 'vitest';
import { Turns } from '../../src/primitives/turns.js';
import { gate } from '../support/gate.js';

test('callers take turns, each with what it asked for first', async () => {
  const turns = new Turns(1);
  const done: string[] = [];
  const ask = (caller: string, what: string) => turns.run(caller, () => void done.push(what));
  await Promise.all([ask('a', 'a1'), ask('a', 'a2'), ask('a', 'a3'), ask('b', 'b1'), ask('c', 'c1'), ask('b', 'b2')]);
  expect(done).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
});

test('no more run at once than may, and one that fails gives its place back', async () => {
  const turns = new Turns(2);
  let running = 0;
  let most = 0;
  const work = async (n: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (n % 3 === 0) throw new Error(`${n}`);
    return n;
  };
  const results = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => turns.run(`${n % 5}`, () => work(n))));
  expect(most).toBe(2);
  expect(results.map(({ status }) => status === 'fulfilled')).toEqual(results.map((_, n) => n % 3 !== 0));
});

test('between two pieces the process does other things', async () => {
  const turns = new Turns(1);
  let others = 0;
  const timer = setInterval(() => others++, 0);
  await Promise.all(
    Array.from({ length: 20 }, () =>
      turns.run('a', () => {
        for (const end = performance.now() + 5; performance.now() < end; );
      }),
    ),
  );
  clearInterval(timer);
  expect(others).toBeGreaterThan(5);
});

test('one caller has no more at once than it may, however many places there are', async () => {
  const turns = new Turns(4, 2);
  const { open, opened } = gate();
  let begun = 0;
  const held = Array.from({ length: 10 }, () =>
    turns.run('a', () => {
      begun++;
      return opened;
    }),
  );
  await turns.run('b', () => {});
  expect(begun).toBe(2);
  open();
  await Promise.all(held);
});
