import { Agent, get } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';

const EVENTS = 1_550;
const FOLLOWERS = 120;

/** `fresh` was started when the log was there already: like a server after its restart. */
let world: World;
let fresh: World;
let lastSeq: bigint;
beforeAll(async () => {
  world = await startWorld();
  await aVm(world.db);
  await world.db.$executeRaw`
    INSERT INTO "Event" ("kind", "vmType", "actor", "data")
    SELECT 'POOL_CHANGED', '11', 'api', '{"hotSpares": 2}' FROM generate_series(1, ${EVENTS})`;
  const last = await world.db.event.findFirstOrThrow({ orderBy: { seq: 'desc' } });
  lastSeq = last.seq;
  fresh = await startWorld({}, { on: world });
});
afterAll(async () => {
  await fresh.close();
  await world.close();
});

const agent = new Agent({ keepAlive: true, maxSockets: 10_000 });
const open = (path: string, localAddress: string) =>
  new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    get(`${fresh.url}${path}`, { agent, localAddress }, resolve).once('error', reject);
  });

/** Follows from the beginning: the connection, and what resolves when all events have come. */
async function follow(localAddress: string): Promise<{ done: Promise<void> }> {
  const response = await open('/api/vms/events?after=0', localAddress);
  const read = async () => {
    let text = '';
    for await (const chunk of response) {
      text = text.slice(-100) + chunk.toString();
      if (text.includes(`id: ${lastSeq}\n`)) break;
    }
    response.destroy();
  };
  return { done: read() };
}

/** Milliseconds that a read took for others meanwhile, the slowest. */
async function slowestRead(until: Promise<unknown>): Promise<{ slowest: number; count: number }> {
  let over = false;
  void until.finally(() => {
    over = true;
  });
  let slowest = 0;
  let count = 0;
  while (!over) {
    const before = performance.now();
    const response = await open('/api/vms/instances', '127.0.0.3');
    expect(response.statusCode).toBe(200);
    for await (const _ of response);
    slowest = Math.max(slowest, performance.now() - before);
    count++;
  }
  return { slowest, count };
}

test('hundreds that follow from the beginning hold nobody else up', async () => {
  expect(FOLLOWERS).toBeGreaterThan(LIMITS.replaysAtOnce.value);
  expect(EVENTS).toBeGreaterThan(LIMITS.replayEvents.value);
  const order: string[] = [];
  const many = await Promise.all(Array.from({ length: FOLLOWERS }, () => follow('127.0.0.1')));
  const flood = Promise.all(many.map(({ done }) => done.then(() => order.push('flood'))));
  const other = follow('127.0.0.2').then(({ done }) => done.then(() => order.push('other')));
  const { slowest, count } = await slowestRead(Promise.all([flood, other]));
  expect(order).toHaveLength(FOLLOWERS + 1);
  // Another address gets every second turn: it is done long before the first of the many, which share the others.
  expect(order.indexOf('other')).toBeLessThan(5);
  expect(slowest).toBeLessThan(2_000);
  expect(count).toBeGreaterThan(20);
}, 120_000);
