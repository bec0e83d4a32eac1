import { once } from 'node:events';
import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

/** A request whose body is left as it came. */
async function get(headers: Record<string, string>, method = 'GET') {
  const sent = request(world.graphqlUrl, { method, headers: { accept: 'text/html,*/*;q=0.8', ...headers } }).end();
  const [response] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return {
    status: response.statusCode as number,
    headers: response.headers as Record<string, string>,
    body: Buffer.concat(chunks),
  };
}

test('the page is sent compressed, and once', async () => {
  const first = await get({ 'accept-encoding': 'gzip, br' });
  expect(first).toMatchObject({
    status: 200,
    headers: { 'content-encoding': 'gzip', 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
  });
  expect(first.body.length).toBeLessThan(3_000_000);
  expect(gunzipSync(first.body).toString()).toContain('<title>vapiorc</title>');

  const again = await get({ 'if-none-match': first.headers.etag as string });
  expect([again.status, again.body.length]).toEqual([304, 0]);
  const plain = await get({});
  expect(plain.headers['content-encoding']).toBeUndefined();
  expect(plain.body.equals(gunzipSync(first.body))).toBe(true);
  expect(await get({}, 'HEAD')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
});

test('a browser shows it, runs a query and a subscription in it, and asks no other host', async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
      ' ',
    ),
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const { host } = new URL(world.graphqlUrl);
    const foreign: string[] = [];
    const complaints: string[] = [];
    page.on('request', (sent) => {
      if (!/^(data|blob):/.test(sent.url()) && new URL(sent.url()).host !== host) foreign.push(sent.url());
    });
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== host) foreign.push(socket.url());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });

    const run = async (query: string, answer: RegExp) => {
      await page.goto(`${world.graphqlUrl}?query=${encodeURIComponent(query)}`);
      await page.locator('.graphiql-execute-button').click();
      await page.locator('.result-window', { hasText: answer }).waitFor({ timeout: 30_000 });
    };
    await run('{ health { database { status } } }', /"database"[\s\S]*"OK"/);
    if (process.env.VAPIORC_SCREENSHOTS)
      await page.screenshot({ path: `${process.env.VAPIORC_SCREENSHOTS}/graphiql.png` });
    await world.write(async (_tx, tell) => tell({ kind: 'POOL_CHANGED', vmType: '11', data: { marker: 4711 } }));
    await run('subscription { vmEvents(after: "0") { data } }', /4711/);
    if (process.env.VAPIORC_SCREENSHOTS)
      await page.screenshot({ path: `${process.env.VAPIORC_SCREENSHOTS}/graphiql-subscription.png` });

    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
  }
});
