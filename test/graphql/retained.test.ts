import { once } from 'node:events';
import { request } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { LIMITS } from '../../src/domain/limits.js';
import { anImage } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { errorOf } from './support/ask.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await anImage(world.db);
});
afterAll(() => world.close());

const COUNT = 30;
const MIB = 2 ** 20;
const SUBSCRIPTION = 'subscription { vmEvents { cursor } }';
const QUEUED =
  'mutation { assignVm(input: {assignedTo: "x", vmType: "11", waitSeconds: 60}) { ... on Refusal { message } } }';
/** A new one each time, in one piece. */
const long = () => Buffer.alloc(MIB, 'x').toString('latin1');

const sockets: WebSocket[] = [];
async function greeted(payload?: object): Promise<WebSocket> {
  const socket = new WebSocket(world.socketUrl, 'graphql-transport-ws');
  sockets.push(socket);
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', ...(payload && { payload }) }));
  await once(socket, 'message');
  return socket;
}

async function kept(): Promise<number> {
  // What was sent is let go in a later turn.
  for (let n = 0; n < 3; n++) {
    await world.db.pool.count();
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MIB;
}

/** How many MiB more are kept while what `begin` began goes on; it is ended then. */
async function growth(begin: () => Promise<() => void>): Promise<number> {
  const before = await kept();
  const end = await begin();
  const grown = (await kept()) - before;
  end();
  await until('the end', async () => world.feed.subscribers === 0);
  return grown;
}

const underWay = (count: number) => until('all under way', async () => world.feed.subscribers === count);

describe('what nobody reads is not kept', () => {
  const overSocket = async (payload: () => object) => {
    const socket = await greeted();
    for (let n = 0; n < COUNT; n++) socket.send(JSON.stringify({ id: `${n}`, type: 'subscribe', payload: payload() }));
    await underWay(COUNT);
    return () => socket.terminate();
  };

  test.each([
    ['variables that a subscription does not declare', () => ({ query: SUBSCRIPTION, variables: { a: long() } })],
    ['extensions of a subscription', () => ({ query: SUBSCRIPTION, extensions: { a: long() } })],
    ['variables that a mutation that waits does not declare', () => ({ query: QUEUED, variables: { a: long() } })],
  ])('%s, over WebSocket', async (_what, payload) => {
    expect(await growth(() => overSocket(payload))).toBeLessThan(COUNT / 3);
  });

  test.each([
    ['a subscription', SUBSCRIPTION],
    ['a mutation that waits', QUEUED],
  ])('the body of %s, over HTTP', async (_what, query) => {
    const begin = async () => {
      const headers = { 'content-type': 'application/json', accept: 'text/event-stream, application/json' };
      const calls = Array.from({ length: COUNT }, () => {
        const call = request(world.graphqlUrl, { method: 'POST', headers });
        call.on('error', () => {}).end(JSON.stringify({ query, variables: { a: long() } }));
        return call;
      });
      await underWay(COUNT);
      return () => {
        for (const call of calls) call.destroy();
      };
    };
    expect(await growth(begin)).toBeLessThan(COUNT / 3);
  });

  test('what a WebSocket is greeted with', async () => {
    const begin = async () => {
      const greetedOnes = await Promise.all(Array.from({ length: COUNT }, () => greeted({ token: long() })));
      return () => {
        for (const socket of greetedOnes) socket.terminate();
      };
    };
    expect(await growth(begin)).toBeLessThan(COUNT / 3);
  });
});

describe('what is kept with a subscription is short', () => {
  test('its document and variables together', async () => {
    const query = 'subscription ($type: String) { vmEvents(vmType: $type) { cursor } }';
    const { extensions } = await errorOf(world, query, { type: 'x'.repeat(LIMITS.subscriptionCharacters.value) });
    expect(extensions?.code).toBe('QUERY_SIZE');
    const padded = `${SUBSCRIPTION} #${'x'.repeat(LIMITS.subscriptionCharacters.value)}`;
    expect((await errorOf(world, padded)).extensions?.code).toBe('QUERY_SIZE');
  });

  test('the id of an operation', async () => {
    const subscribe = (length: number) =>
      JSON.stringify({ id: 'x'.repeat(length), type: 'subscribe', payload: { query: '{ __typename }' } });
    const socket = await greeted();
    socket.send(subscribe(LIMITS.operationIdCharacters.value));
    await once(socket, 'message');
    socket.send(subscribe(LIMITS.operationIdCharacters.value + 1));
    expect((await once(socket, 'close'))[0]).toBe(4400);
  });
});
