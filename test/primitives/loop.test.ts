import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.js';
import { createLog } from '../../src/log.js';
import { Loop } from '../../src/primitives/loop.js';
import { Tasks } from '../../src/reconciler/tasks.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const log = createLog('silent');
let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());

function aLog() {
  const lines: { msg: string; key?: string; failures?: number }[] = [];
  return { lines, log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }) };
}

/** A pass or a piece of work that ends when it is told to. */
function passes() {
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
    const pass = passes();
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
    const pass = passes();
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
    const work = passes();
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

  test('one that does not end gives its place to others, which is said once, and is not begun again', async () => {
    const { lines, log: told } = aLog();
    const runs: string[] = [];
    const ends = gate();
    const work = (key: string) => {
      runs.push(key);
      return key === 'hangs' ? ends.opened : Promise.resolve();
    };
    const tasks = new Tasks({ work, log: told, concurrency: 1, slowMs: 20 });
    stop = () => tasks.stop(1000);
    tasks.poke('hangs');
    tasks.poke('other');
    await until('the other ran', async () => runs.includes('other'));
    tasks.poke('hangs');
    expect(runs).toEqual(['hangs', 'other']);
    expect(lines.filter(({ key }) => key === 'hangs')).toHaveLength(1);
    ends.open();
    await until('it ran again', async () => runs.length === 3);
  });

  test('a fault that many meet is told once, counted, and told when it is over', async () => {
    const { lines, log: told } = aLog();
    let away = true;
    const tried = new Map<string, number>();
    const work = async (key: string) => {
      tried.set(key, (tried.get(key) ?? 0) + 1);
      // Others that need no engine work all the time.
      if (away && key !== 'pool') throw new Error(`(HTTP code 500) no answer for ${key} at ${tried.size}`);
    };
    const tasks = new Tasks({ work, log: told });
    stop = () => tasks.stop(1000);
    const keys = Array.from({ length: 20 }, () => `vm:${crypto.randomUUID()}`);
    const round = async (n: number) => {
      for (const key of [...keys, 'pool']) tasks.poke(key);
      await until(`round ${n}`, async () => [...keys, 'pool'].every((key) => tried.get(key) === n));
    };
    for (let n = 1; n <= 5; n++) await round(n);
    expect(lines.map(({ msg }) => msg)).toEqual(['step failed; it is tried again']);
    away = false;
    await round(6);
    await until('it is told', async () => lines.length === 2);
    expect(lines[1]).toMatchObject({ failures: 100, msg: 'steps that failed work again' });
  });

  test('that hang do not hold up a stop beyond its limit', async () => {
    const tasks = new Tasks({ work: () => new Promise(() => {}), log });
    tasks.poke('a');
    await tasks.stop(20);
  });
});
