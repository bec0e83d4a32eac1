import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { LIMITS } from '../../src/domain/limits.js';
import { ANYONE, type Caller } from '../../src/domain/principal.js';
import { Callers } from '../../src/http/callers.js';
import { ScreenDoors, type Shown } from '../../src/http/screenDoors.js';
import { createLog } from '../../src/log.js';
import { dial } from '../../src/provisioner/dial.js';
import { anyPort } from '../support/anyPort.js';
import { until } from '../support/until.js';

/** What serves the screen in a machine: it lets everybody in. */
async function aMachine() {
  const asked: IncomingMessage[] = [];
  /** What it answers instead of HTTP as it should be. */
  let lie: string | undefined;
  const web = createServer((req, res) => {
    asked.push(req);
    if (req.url === '/never') return;
    if (lie !== undefined) return void req.socket.end(lie);
    res.writeHead(200, { 'content-type': 'text/html' }).end(`<p>${req.method} ${req.url}</p>`);
  });
  const sockets = new WebSocketServer({ server: web, path: '/websockify' });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`seen ${String(data)}`)));
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  return {
    asked,
    answerWith: (text: string | undefined) => {
      lie = text;
    },
    port: (web.address() as AddressInfo).port,
    viewers: () => sockets.clients.size,
    close: () => {
      for (const client of sockets.clients) client.terminate();
      web.closeAllConnections();
      web.close();
    },
  };
}

let machine: Awaited<ReturnType<typeof aMachine>>;
let port: number;
let machines: Shown[];
let guests: string[];
/** For whom the machine was dialled. */
let dialled: Caller[];
const open: ScreenDoors[] = [];

/** A server on this host. */
function aServer(): ScreenDoors {
  const doors = new ScreenDoors({
    names: ['vms.example.org'],
    machines: async () => machines,
    dial: (_machine, by) => {
      dialled.push(by);
      return dial('127.0.0.1', machine.port);
    },
    callers: new Callers(),
    whoIs: (address) => (guests.includes(address ?? '') ? 'guest' : 'caller'),
    log: createLog('silent'),
  });
  open.push(doors);
  doors.start();
  return doors;
}
const get = (path = '/', headers: Record<string, string> = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers });
const isShown = () =>
  until('the screen is shown', () =>
    get().then(
      (res) => res.ok,
      () => false,
    ),
  );

beforeEach(async () => {
  machine = await aMachine();
  port = await anyPort();
  machines = [{ kind: 'vm', id: 'a', door: { host: '127.0.0.1', port } }];
  guests = [];
  dialled = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((doors) => doors.stop()));
  machine.close();
});

/** The status with which a WebSocket is refused; 101 where it is not. */
async function knock(headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/websockify`, { headers });
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.on('unexpected-response', (_req, res) => resolve(res.statusCode ?? 0));
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
  });
}

describe("a machine's screen", () => {
  test('is at its port: the page, and the WebSocket of the page', async () => {
    aServer();
    await isShown();

    const page = await get('/vnc.html?autoconnect=1');
    expect([page.status, await page.text()]).toEqual([200, '<p>GET /vnc.html?autoconnect=1</p>']);
    expect(page.headers.get('x-frame-options')).toBe('SAMEORIGIN');
    const viewer = new WebSocket(`ws://127.0.0.1:${port}/websockify`, { origin: `http://127.0.0.1:${port}` });
    await once(viewer, 'open');
    viewer.send('key');
    expect(String((await once(viewer, 'message'))[0])).toBe('seen key');
    viewer.terminate();
    await until('the machine has no viewer', async () => machine.viewers() === 0);
  });

  test('is dialled for somebody, who came in as every caller does', async () => {
    aServer();
    await isShown();
    dialled = [];
    await get();
    expect(await knock({})).toBe(101);
    expect(dialled).toEqual([
      { principal: ANYONE, address: '127.0.0.1' },
      { principal: ANYONE, address: '127.0.0.1' },
    ]);

    guests = ['127.0.0.1'];
    await get();
    expect(await knock({})).toBe(403);
    expect(dialled).toHaveLength(2);
  });

  test.each([
    ['of another site', 'http://evil.example'],
    ['of the API, which is another origin', 'http://127.0.0.1:8000'],
    ['in a sandbox', 'null'],
    ['from a file', 'file://'],
  ])('is not for a page %s', async (_which, origin) => {
    aServer();
    await isShown();
    machine.asked.length = 0;

    expect(await knock({ origin })).toBe(403);
    expect(await (await get('/', { origin })).json()).toMatchObject({ code: 'FOREIGN_ORIGIN' });
    expect([machine.asked.length, machine.viewers()]).toEqual([0, 0]);
  });

  test('is for its own page under any of our names, and for programs', async () => {
    aServer();
    await isShown();
    for (const name of ['127.0.0.1', 'localhost', 'vms.example.org']) {
      const host = `${name}:${port}`;
      expect(await knock({ host, origin: `http://${host}` })).toBe(101);
    }
    expect(await knock({})).toBe(101);
  });

  test('is not at a name that somebody pointed at this address', async () => {
    aServer();
    await isShown();
    expect(await knock({ host: `evil.example:${port}`, origin: `http://evil.example:${port}` })).toBe(403);
  });

  test('is not for guests', async () => {
    aServer();
    await isShown();
    guests = ['127.0.0.1'];
    expect((await get()).status).toBe(403);
    expect(await knock({})).toBe(403);
  });

  test.each([
    ['a trailer', 'GET / HTTP/1.1\r\nHost: localhost\r\nTrailer: X\r\nConnection: close\r\n\r\n', 200],
    [
      'a body',
      'GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
      200,
    ],
    [
      'a wish to go on',
      'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi',
      200,
    ],
    ['another method', 'PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi', 405],
  ])('answers a request with %s', async (_what, text, status) => {
    aServer();
    await isShown();
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(text);
    let said = '';
    for await (const piece of socket) said += String(piece);
    expect(said).toContain(`HTTP/1.1 ${status} `);
    await isShown();
  });

  test.each([
    ['a trailer', 'HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nhi', 200],
    ['no status', 'HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nhi', 503],
    ['another protocol', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhi', 503],
    ['no HTTP', 'blah\r\n\r\n', 503],
  ])('of a machine that answers with %s breaks nothing', async (_what, text, status) => {
    aServer();
    await isShown();
    machine.answerWith(text);
    expect((await get()).status).toBe(status);
    machine.answerWith(undefined);
    await isShown();
  });

  test('takes so many requests at once, also over few connections', async () => {
    aServer();
    await isShown();
    const many = LIMITS.screenConnections.value + 10;
    const answers = Array.from({ length: 10 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(Math.ceil(many / 10)));
      return socket;
    });
    await until('as many as may be are under way', async () => machine.asked.length >= LIMITS.screenConnections.value);
    expect((await get()).status).toBe(429);
    for (const socket of answers) socket.destroy();
    await isShown();
  });

  test('that can not be reached says so', async () => {
    aServer();
    await isShown();
    machine.close();
    await until('it is gone', async () => (await get()).status === 503);
    expect(await (await get()).json()).toMatchObject({ code: 'UNAVAILABLE', fix: expect.any(String) });
    expect(await knock({})).toBe(503);
  });

  test('goes with its machine; its port is free then', async () => {
    const doors = aServer();
    await isShown();
    const viewer = new WebSocket(`ws://127.0.0.1:${port}/websockify`);
    await once(viewer, 'open');
    machines = [];
    doors.see([{ kind: 'VM_CLEANED' }]);
    await once(viewer, 'close');
    await expect(get()).rejects.toThrow();
  });

  test('is taken over by another server on this host when the first one stops', async () => {
    const first = aServer();
    await isShown();
    const second = aServer();
    await first.stop();
    second.poke();
    await isShown();
  });

  test('takes so many connections and no more; who asks nothing makes room', async () => {
    aServer();
    await isShown();
    const idle: Socket[] = [];
    for (let n = 0; n < LIMITS.screenConnections.value + 10; n++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      idle.push(socket);
    }
    expect((await get()).status).toBe(200);
    await until(
      'the first were closed',
      async () => idle.filter(({ closed, readableEnded }) => closed || readableEnded).length >= 10,
    );
    for (const socket of idle) socket.destroy();
  });

  test('of a viewer who breaks off ends nothing else', async () => {
    aServer();
    await isShown();
    for (let n = 0; n < 20; n++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      socket.write(
        `GET /websockify HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      );
      if (n % 2 === 0) await once(socket, 'data');
      socket.resetAndDestroy();
    }
    expect((await get()).status).toBe(200);
    await until('the machine has no viewer', async () => machine.viewers() === 0);
  });
});
