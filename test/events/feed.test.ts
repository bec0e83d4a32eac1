import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWrite } from '../../src/db/write.js';
import type { Event } from '../../src/domain/events.js';
import { ANYONE } from '../../src/domain/principal.js';
import { Feed } from '../../src/events/feed.js';
import { Slices } from '../../src/primitives/slices.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
beforeEach(async () => {
  world = await createStepWorld();
});
afterEach(() => world.close());

const tell = (vmType: string, write = world.write) =>
  write(async (_tx, tell) => tell({ kind: 'POOL_CHANGED', vmType }));

async function collect(from: bigint, count: number, filter = {}): Promise<Event[]> {
  const stop = new AbortController();
  const events: Event[] = [];
  for await (const event of world.feed.subscribe(from, filter, stop.signal)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

describe('the order of events', () => {
  test('is the order of commits: no reader steps over an event that commits late', async () => {
    const writers = 8;
    const each = 25;
    const seen: bigint[] = [];
    const reading = (async () => {
      let cursor = 0n;
      while (seen.length < writers * each) {
        // A reader by cursor alone, as any other process would be.
        const rows = await world.db.event.findMany({ where: { seq: { gt: cursor } }, orderBy: { seq: 'asc' } });
        cursor = rows.at(-1)?.seq ?? cursor;
        seen.push(...rows.map(({ seq }) => seq));
      }
    })();
    await Promise.all(
      Array.from({ length: writers }, async (_, n) => {
        for (let m = 0; m < each; m++) {
          await world.write(async (tx, tell) => {
            tell({ kind: 'POOL_CHANGED', vmType: `${n}` });
            // Some transactions are slow between drawing their rows and the commit.
            if (m % 5 === 0) await tx.$executeRaw`SELECT pg_sleep(0.005)::text`;
          });
        }
      }),
    );
    await reading;
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => Number(a - b)));
    expect(seen).toHaveLength(writers * each);
  });

  test('a transaction that fails tells nothing', async () => {
    await expect(
      world.write(async (_tx, tell) => {
        tell({ kind: 'POOL_CHANGED' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await world.kinds()).toEqual([]);
  });
});

describe('a subscriber', () => {
  test('replays after its cursor and goes live with no gap and no double, while writers write', async () => {
    for (let n = 0; n < 50; n++) await tell('11');
    const writing = Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let n = 0; n < 50; n++) await tell('11');
      }),
    );
    const got = await collect(10n, 240);
    await writing;
    const all = await world.db.event.findMany({ orderBy: { seq: 'asc' }, select: { seq: true } });
    expect(got.map((e) => e.seq)).toEqual(
      all
        .map((e) => e.seq)
        .filter((seq) => seq > 10n)
        .slice(0, 240),
    );
  });

  test('gets what another server wrote, from a feed of its own', async () => {
    const other = new Feed({ db: world.db, bus: world.bus, log: world.log, slices: new Slices() });
    await other.start();
    const stop = new AbortController();
    const next = other.subscribe(other.head, { vmType: '10' }, stop.signal).next();
    await tell('11');
    await tell('10');
    expect((await next).value).toMatchObject({ vmType: '10' });
    stop.abort();
    await other.stop();
  });

  test('that was there before the server started again is given what it missed from memory', async () => {
    for (let n = 0; n < 60; n++) await tell('11');
    const other = new Feed({ db: world.db, bus: world.bus, log: world.log, slices: new Slices() });
    await other.start();
    const replay = async () => {
      const stop = new AbortController();
      const seqs: bigint[] = [];
      for await (const { seq } of other.subscribe(0n, {}, stop.signal)) if (seqs.push(seq) === 60) break;
      return seqs;
    };
    await until('it is remembered', () =>
      world.db.$transaction(async (tx) => {
        await tx.$executeRaw`LOCK TABLE "Event"`; // nobody can read it now
        const seqs = await Promise.race([replay(), sleep(200)]);
        return seqs?.length === 60;
      }),
    );
    await other.stop();
  });

  test('that is slow misses nothing', async () => {
    const stop = new AbortController();
    const events = world.feed.subscribe(0n, {}, stop.signal);
    for (let n = 0; n < 30; n++) await tell('11');
    const seqs: bigint[] = [];
    for (let n = 0; n < 30; n++) {
      seqs.push((await events.next()).value?.seq ?? 0n);
      if (n % 10 === 0) await sleep(5);
    }
    expect(new Set(seqs).size).toBe(30);
    stop.abort();
    await events.return();
  });

  test('among thousands of one caller is told as soon as its own turn comes, and the process does other things meanwhile', async () => {
    const stop = new AbortController();
    const told: string[] = [];
    let turnsOfOthers = 0;
    const follow = async (caller: string) => {
      for await (const _event of world.feed.subscribe(world.feed.head, {}, stop.signal, caller)) told.push(caller);
    };
    const all = [...Array.from({ length: 5_000 }, () => follow('loud')), follow('quiet')];
    let isOver = false;
    const others = () => {
      if (told.length > 0 && told.length < all.length) turnsOfOthers++;
      if (!isOver) setImmediate(others);
    };
    others();
    await tell('x');
    await until('all are told', async () => told.length === all.length);
    isOver = true;
    expect(told.indexOf('quiet')).toBeLessThan(200);
    expect(turnsOfOthers).toBeGreaterThan(10);
    stop.abort();
    await Promise.all(all);
  });

  test('ends when its caller goes', async () => {
    const stop = new AbortController();
    const waiting = world.feed.subscribe(world.feed.head, {}, stop.signal).next();
    stop.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});

test('a lost hint costs time, not an event', async () => {
  const silent = createWrite(world.db, () => {})(ANYONE);
  const before = world.feed.head;
  await tell('11', silent);
  world.feed.poke(); // as the tick does
  await until('it is read', async () => world.feed.head > before);
});
