import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { aCertificate, type Certificate } from '../support/certificate.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startHaproxy } from '../support/haproxy.js';
import { startNginx } from '../support/nginx.js';
import type { RunningProxy } from '../support/runProxy.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import type { Server } from './support/server.js';

const NAME = 'vapiorc.test';
/** What is silent for so long is cut off: longer than a keep-alive takes, shorter than two. */
const IDLE_SECONDS = 15;

let database: TestDatabase;
let deployment: Deployment;
let server: Server;
let folder: string;
let certificate: Certificate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-tls-'));
  certificate = await aCertificate(folder, NAME);
  database = await createTestDatabase();
  const settings = { VAPIORC_PROVISIONER: 'simulated', VAPIORC_PUBLIC_HOST: NAME, DATABASE_URL: database.url };
  deployment = await aDeployment(settings);
  server = await deployment.start();
});
afterAll(async () => {
  await server?.stop();
  await deployment?.remove();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

describe.each([
  ['nginx', startNginx, 1],
  ['haproxy', startHaproxy, 2],
])('behind %s that ends TLS and has the server below a path', (_name, startProxy, hotSpares) => {
  let proxy: RunningProxy;
  let browser: Browser;
  beforeAll(async () => {
    proxy = await startProxy(server.url, { certificate, idleSeconds: IDLE_SECONDS });
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${NAME} 127.0.0.1`],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.stop();
  });

  const asClient = () => ({ ca: certificate.cert, servername: NAME, headers: { host: `${NAME}:${proxy.port}` } });

  /** An event stream; what came of it so far. Its head comes at once, whatever else does. */
  async function stream(path: string): Promise<{ text: () => string; leave: () => void }> {
    const { headers, ...tls } = asClient();
    const request = get(`${proxy.below}${path}`, { ...tls, headers: { ...headers, accept: 'text/event-stream' } });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([
      200,
      expect.stringContaining('text/event-stream'),
    ]);
    let text = '';
    answer.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    answer.on('error', () => {}); // we leave
    return { text: () => text, leave: () => request.destroy() };
  }

  test('streams come at once, outlive its patience, and bring what happens then', { timeout: 60_000 }, async () => {
    const query = encodeURIComponent('subscription { vmEvents { kind } }');
    const [sse, rest] = await Promise.all([stream(`/graphql?query=${query}`), stream('/api/vms/events')]);
    const socket = new WebSocket(`${proxy.below.replace('https', 'wss')}/graphql`, 'graphql-transport-ws', {
      ...asClient(),
      origin: `https://${NAME}:${proxy.port}`,
    });
    const told: string[] = [];
    let pings = 0;
    socket.on('message', (data) => told.push((data as Buffer).toString()));
    socket.on('ping', () => {
      pings += 1;
    });
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await until('the greeting', async () => told.length === 1);
    socket.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { vmEvents { kind } }"}}');

    const began = Date.now();
    const beats = ({ text }: { text: () => string }) => text().match(/^:/gm)?.length ?? 0;
    await until(
      'each was silent, and kept alive, for longer than the proxy waits',
      async () => Date.now() - began > IDLE_SECONDS * 1_000 && beats(sse) >= 2 && beats(rest) >= 2 && pings >= 2,
      50_000,
    );
    await api.setPool(server, { hotSpares });

    await until('all three tell of it', async () =>
      [sse.text(), rest.text(), told.join('\n')].every((text) => text.includes('POOL_CHANGED')),
    );
    expect(socket.readyState).toBe(socket.OPEN);
    sse.leave();
    rest.leave();
    socket.close();
    await once(socket, 'close');
  });

  /** What the page asked for, and what it complained of. */
  async function visit(url: string): Promise<{ asked: string[]; complaints: string[] }> {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on('response', (response) => asked.push(`${response.status()} ${response.url()}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(url, { waitUntil: 'networkidle' }).catch((err: Error) => complaints.push(err.message));
    await page.close();
    return { asked, complaints };
  }

  test.each(['/', '/docs', '/graphql'])('a browser gets the page %s with all that belongs to it', async (path) => {
    const below = `https://${NAME}:${proxy.port}/vapiorc`;
    let { asked, complaints } = await visit(`${below}${path}`);
    // A network that comes or goes on this host, a container's of another test for one, makes the browser give up what is under way.
    for (let again = 0; again < 5 && complaints.some((each) => each.includes('ERR_NETWORK_CHANGED')); again++)
      ({ asked, complaints } = await visit(`${below}${path}`));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((each) => !each.startsWith(`200 ${below}/`) && !each.includes(' data:'))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('and the page of GraphiQL connects back', async () => {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    const below = `https://${NAME}:${proxy.port}/vapiorc`;
    await page.goto(`${below}/graphql`);
    const opened = await page.evaluate(
      (url) =>
        new Promise<string>((resolve) => {
          const socket = new globalThis.WebSocket(url, 'graphql-transport-ws');
          socket.onopen = () => resolve('open');
          socket.onclose = ({ code }) => resolve(`closed with ${code}`);
        }),
      `${below.replace('https', 'wss')}/graphql`,
    );
    expect(opened).toBe('open');
    await page.close();
  });
});
