import { afterEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.js';
import { createLog } from '../../src/log.js';
import { Loop } from '../../src/reconciler/loop.js';
import { Tasks } from '../../src/reconciler/tasks.js';
import { until } from '../support/until.js';

const log = createLog('silent');
let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());

/** A pass or a piece of work that ends when it is told to. */
function gate() {
  const waiting: (() => void)[] = [];
  let runs = 0;
  return {
    enter: () =>
      new Promise<void>((resolve) => {
        runs++;
        waiting.push(resolve);
      }),
    open: () => waiting.shift()?.(),
    runs: (n: number) => until(`${n} runs`, async () => runs === n),
    count: () => runs,
  };
}

describe('a loop', () => {
  test('never runs two passes at a time; pokes during a pass add up to one more', async () => {
    const pass = gate();
    const loop = new Loop({ name: 'test', everyMs: 3_600_000, pass: pass.enter, log });
    loop.start();
    await pass.runs(1);
    loop.poke();
    loop.poke();
    expect(pass.count()).toBe(1);
    pass.open();
    await pass.runs(2);
    pass.open();
    stop = () => loop.stop();
  });

  test('goes on after a pass that throws', async () => {
    let runs = 0;
    const pass = async () => {
      runs++;
      throw new Error('no');
    };
    const loop = new Loop({ name: 'test', everyMs: 1, pass, log });
    loop.start();
    stop = () => loop.stop();
    await until('it ran again', async () => runs > 2);
  });

  test('stops only when its pass has ended', async () => {
    const pass = gate();
    const loop = new Loop({ name: 'test', everyMs: 1, pass: pass.enter, log });
    loop.start();
    await pass.runs(1);
    let stopped = false;
    const stopping = loop.stop().then(() => {
      stopped = true;
    });
    await Promise.resolve();
    expect(stopped).toBe(false);
    pass.open();
    await stopping;
  });
});

describe('tasks', () => {
  test('work on one thing one at a time, on many things at once', async () => {
    const work = gate();
    const tasks = new Tasks({ work: work.enter, log });
    for (const key of ['a', 'a', 'a', 'b']) tasks.poke(key);
    await work.runs(2);
    work.open();
    work.open();
    await work.runs(3);
    work.open();
    await tasks.stop(1000);
    tasks.poke('a');
    expect(work.count()).toBe(3);
  });

  test('go on after a step that throws, whatever it throws', async () => {
    let runs = 0;
    const work = async () => {
      if (runs++ === 0) throw new Unavailable('docker', 'away', 'start it');
      if (runs === 2) throw new Error('no');
    };
    const tasks = new Tasks({ work, log });
    stop = () => tasks.stop(1000);
    for (const expected of [1, 2, 3]) {
      tasks.poke('a');
      await until(`run ${expected}`, async () => runs === expected);
    }
  });

  test('that hang do not hold up a stop beyond its limit', async () => {
    const tasks = new Tasks({ work: () => new Promise(() => {}), log });
    tasks.poke('a');
    await tasks.stop(20);
  });
});
