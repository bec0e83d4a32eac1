import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { createListener } from '../../src/http/createListener.js';
import type { ConnectionLimits } from '../../src/http/limitConnections.js';
import { until } from '../support/until.js';
import { aServer, closeOf, type TestServer } from './support/aServer.js';

const GET = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe('a listener that is full', () => {
  let server: Server;
  let waiting: ServerResponse[];
  let sockets: { socket: Socket; came: () => string; isOpen: () => boolean }[];
  beforeEach(() => {
    waiting = [];
    sockets = [];
  });
  afterEach(async () => {
    for (const { socket } of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  async function listen(limits: ConnectionLimits): Promise<void> {
    server = createListener({}, { handle: (req, res) => void waiting.push(req.resume() && res), connections: limits });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  }
  /** One connection more, with a request that is not answered yet, or without one. */
  async function open(from: string, asks: boolean, request = GET) {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, localAddress: from }).setEncoding('utf8');
    let came = '';
    let isOpen = true;
    socket
      .on('error', () => {})
      .on('close', () => {
        isOpen = false;
      });
    socket.on('data', (text: string) => {
      came += text;
    });
    const one = { socket, came: () => came, isOpen: () => isOpen };
    sockets.push(one);
    const before = waiting.length;
    if (asks) socket.write(request);
    await once(socket, 'connect');
    if (asks) await until('it is heard or refused', async () => waiting.length > before || !isOpen || came !== '');
    return one;
  }

  test('of one address closes that one’s connection that is idle for longest, not another’s', async () => {
    await listen({ perAddress: () => 3, total: 100 });
    const other = await open('127.0.0.2', false);
    const [first, second] = [await open('127.0.0.1', true), await open('127.0.0.1', false)];
    const third = await open('127.0.0.1', false);
    await open('127.0.0.1', true);
    await until('the idle one is closed', async () => !second.isOpen());
    expect([other, first, third].map((one) => one.isOpen())).toEqual([true, true, true]);
    await open('127.0.0.1', true);
    await until('the next idle one is closed', async () => !third.isOpen());
  });

  test('with requests all over says so to callers, and cuts guests off', async () => {
    await listen({ perAddress: () => 2, total: 100, isTold: (address) => address === '127.0.0.1' });
    for (const from of ['127.0.0.1', '127.0.0.1', '127.0.0.2', '127.0.0.2']) await open(from, true);
    const told = await open('127.0.0.1', true);
    const cutOff = await open('127.0.0.2', true);
    await until('both are closed', async () => !told.isOpen() && !cutOff.isOpen());
    expect(told.came()).toMatch(/^HTTP\/1.1 429 [\s\S]*retry-after: \d[\s\S]*"code":"TOO_MANY_CONNECTIONS"/);
    expect(cutOff.came()).toBe('');
    expect(waiting.length).toBe(4);
    waiting[0]?.end('done'); // its connection is idle now, and makes room
    await until('it is answered', async () => sockets[0]?.came().includes('done'));
    await open('127.0.0.1', true);
    expect(waiting.length).toBe(5);
  });

  test('of all addresses closes the idle one of any', async () => {
    await listen({ perAddress: () => 100, total: 2 });
    const first = await open('127.0.0.2', false);
    await open('127.0.0.1', true);
    await open('127.0.0.1', true);
    await until('the idle one is closed', async () => !first.isOpen());
    expect(waiting.length).toBe(2);
  });

  test('closes the one whose body comes slowly for longest, and none that comes well or has come', async () => {
    const bytes = 200_000;
    const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`;
    await listen({ perAddress: () => 4, total: 100 });
    const whole = await open('127.0.0.1', true, `${head.replace(String(bytes), '4')}body`);
    const well = await open('127.0.0.1', true, `${head}${'x'.repeat(bytes - 1)}`);
    const [first, second] = [await open('127.0.0.1', true, `${head}x`), await open('127.0.0.1', true, `${head}x`)];
    const refused = await open('127.0.0.1', false);
    await until('none is given up before it could begin', async () => !refused.isOpen());
    await until('a second later the slow one is', async () => {
      const asked = await open('127.0.0.1', true);
      return asked.isOpen() && !first.isOpen();
    });
    expect([whole, well, second].map((one) => one.isOpen())).toEqual([true, true, true]);
    await open('127.0.0.1', true);
    await until('the next slow one is', async () => !second.isOpen());
    expect([whole, well].map((one) => one.isOpen())).toEqual([true, true]);
  });
});

describe('the main port', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await aServer();
    server.setNetworks(true);
    await server.app.ready;
    await until('the guests are known', async () => (await fetch(`http://127.0.0.1:${server.port}/openapi.json`)).ok);
  });
  afterEach(() => server.close());

  test('answers behind as many idle connections as one address may have, and more', { timeout: 120_000 }, async () => {
    const most = LIMITS.connectionsPerAddress.value;
    let [open, closed] = [0, 0];
    for (let n = 0; n < most + 500; n++) {
      const socket = server.connect().resume();
      socket.once('connect', () => open++).once('close', () => closed++);
      if (n % 250 === 0) await until('those are open', async () => open >= n);
    }
    await until('all were opened', async () => open === most + 500);
    expect((await fetch(`http://127.0.0.1:${server.port}/openapi.json`)).status).toBe(200);
    expect(closed).toBeGreaterThanOrEqual(500);
  });

  test('closes a connection that asks nothing, or half of something', { timeout: 60_000 }, async () => {
    const idle = server.connect().resume();
    const half = server.connect().resume();
    half.write('GET / HTTP/1.1\r\nHost:');
    const bodies = [server.connect(), server.connect({ port: server.guestPort, from: '127.0.0.2' })];
    for (const one of bodies)
      one
        .resume()
        .write(
          'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
        );
    const bodiesClosed = bodies.map(closeOf);
    const began = performance.now();
    await Promise.all([closeOf(idle), closeOf(half)]);
    expect(performance.now() - began).toBeLessThan((LIMITS.headSeconds.value + 10) * 1000);
    await Promise.all(bodiesClosed);
    expect(performance.now() - began).toBeLessThan((LIMITS.bodySeconds.value + 10) * 1000);
  });
});
