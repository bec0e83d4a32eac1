import { afterAll, beforeAll, expect, test } from 'vitest';
import { startNginx } from '../support/nginx.js';
import type { RunningProxy } from '../support/runProxy.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
let proxy: RunningProxy;
beforeAll(async () => {
  world = await startWorld();
  proxy = await startNginx(new URL(world.graphqlUrl).origin);
});
afterAll(async () => {
  await proxy?.stop();
  await world?.close();
});

test('a subscription over SSE passes through nginx at once, and is never silent for 10 s', async () => {
  const leave = new AbortController();
  const asked = Date.now();
  const query = encodeURIComponent('subscription { vmEvents { kind } }');
  const answer = await fetch(`${proxy.below}/graphql?query=${query}`, {
    headers: { accept: 'text/event-stream' },
    signal: leave.signal,
  });
  expect(answer.headers.get('cache-control')).toBe('no-store, no-transform');
  await until('the subscriber', async () => world.feed.subscribers === 1);
  await world.write(async (_tx, tell) => tell({ kind: 'POOL_CHANGED' }));

  let text = '';
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    // Ours has no empty line behind it; Yoga's own come every 300 ms in tests, and in 12 s otherwise.
    if (/\n:\n(?!\n)/.test(text)) break;
  }

  expect(text).toContain('event: next\ndata: {"data":{"vmEvents":{"kind":"POOL_CHANGED"}}}\n\n');
  expect(Date.now() - asked).toBeLessThan(20_000);
  leave.abort();
  await until('the subscription to end', async () => world.feed.subscribers === 0);
});
