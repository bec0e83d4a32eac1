import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.js';
import { aServer, closeOf, type TestServer } from './support/aServer.js';

const TIMES = 24;

let server: TestServer;
const uncaught: unknown[] = [];
const note = (err: unknown) => void uncaught.push(err);
beforeEach(() => {
  process.on('uncaughtException', note);
});
afterEach(async () => {
  await server?.close();
  process.off('uncaughtException', note);
  uncaught.length = 0;
});

const head = (first: string, ...lines: string[]) => `${[`${first} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`;
const HOST = 'Host: localhost';
const upgrade = (path: string, ...lines: string[]) =>
  head(
    `GET ${path}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    ...lines,
  );
const json = (path: string, body: string, ...lines: string[]) =>
  head(`POST ${path}`, HOST, 'Content-Type: application/json', `Content-Length: ${body.length}`, ...lines) + body;
const subscription = JSON.stringify({ query: 'subscription { vmEvents { cursor } }' });

/** A frame of text as a client sends it, masked with zeros. */
function frame(text: string): string {
  return `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;
}
const talk = frame('{"type":"connection_init"}') + frame(`{"id":"1","type":"subscribe","payload":${subscription}}`);

/** What was sent when the reset comes. */
const onMainPort = {
  nothing: '',
  'half a head': 'GET /health HTTP/1.1\r\nHost: loc',
  'a whole request': head('GET /health', HOST),
  'two requests at once': head('GET /health', HOST).repeat(2),
  'half a body': json('/graphql', subscription).slice(0, -5),
  'half a body of REST': `${head('POST /api/vms/assign', HOST, 'Content-Length: 100')}{"a`,
  'half a chunk': `${head('POST /graphql', HOST, 'Content-Type: application/json', 'Transfer-Encoding: chunked')}5\r\n{"`,
  'half a file': `${head('PUT /api/oem-bundles/office/files/setup.exe', HOST, 'Content-Length: 100000')}MZ`,
  'a question before a body': head('PUT /api/oem-bundles/o/files/s', HOST, 'Content-Length: 9', 'Expect: 100-continue'),
  'half of a body that is refused': `${head('POST /graphql', 'Host: evil.example', 'Content-Length: 100')}{`,
  'half of a guest’s report': `${head('POST /guest/v1/ready', HOST, 'Content-Length: 100')}a=`,
  'a page of 9 MB': head('GET /graphql', HOST, 'Accept: text/html'),
  'a stream of GraphQL': json('/graphql', subscription, 'Accept: text/event-stream'),
  'a stream of REST': head('GET /api/vms/events', HOST),
  'a proxy’s request': head('CONNECT evil.example:443', HOST),
  'another protocol': head('GET /', 'Host: evil.example', 'Connection: Upgrade', 'Upgrade: x'),
  h2c: head('GET /health', HOST, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
  'a WebSocket for another host': upgrade('/graphql', 'Host: evil.example'),
  'a WebSocket of another origin': upgrade('/graphql', HOST, 'Origin: http://evil.example'),
  'a WebSocket at another path': upgrade('/nowhere', HOST),
  'a WebSocket without a key': head('GET /graphql', HOST, 'Connection: Upgrade', 'Upgrade: websocket'),
  'a WebSocket': upgrade('/graphql', HOST),
  'a WebSocket that listens': upgrade('/graphql', HOST) + talk,
  'half a frame': upgrade('/graphql', HOST) + talk.slice(0, 20),
};
const atGuestDoor = {
  nothing: '',
  'half a head': 'POST /guest/v1/ready HTTP/1.1\r\nHo',
  'a whole request': head('GET /guest/v1/nothing', HOST),
  'half a report': `${head('POST /guest/v1/ready', HOST, 'Content-Length: 100')}a=`,
  'a proxy’s request': head('CONNECT evil.example:443', HOST),
  'a WebSocket': upgrade('/graphql', HOST),
};

/** Sends it, then resets the connection: at once, a moment later, or when something came back, in turns. */
async function reset(socket: Socket, sent: string, turn: number): Promise<void> {
  const closed = closeOf(socket);
  await once(socket, 'connect');
  socket.write(sent, 'latin1');
  if (turn % 3 === 1) await nextTurn();
  if (turn % 3 === 2 && sent.endsWith('\r\n\r\n')) await Promise.race([once(socket, 'data'), closed]);
  socket.resetAndDestroy();
  await closed;
}

/** One that came after all the others. */
async function stillAnswers(port: number, text: string, path: string): Promise<void> {
  const socket = server.connect({ port });
  socket.write(head(`GET ${path}`, HOST, 'Connection: close'));
  let came = '';
  socket.on('data', (part: unknown) => {
    came += String(part);
  });
  await closeOf(socket);
  expect(came).toContain(text);
  expect(uncaught).toEqual([]);
}
const errors = () => server.log.filter(({ level }) => Number(level) >= 50);

describe('a connection that is reset ends nothing but itself', () => {
  test('on the main port, after', { timeout: 120_000 }, async () => {
    server = await aServer();
    server.setNetworks(true);
    await server.app.ready;
    await until(
      'the guests are known',
      async () => (await fetch(`http://127.0.0.1:${server.port}/api/vms/instances`)).ok,
    );
    for (const [what, sent] of Object.entries(onMainPort)) {
      for (let turn = 0; turn < TIMES; turn++) await reset(server.connect(), sent, turn);
      await stillAnswers(server.port, 'HTTP/1.1 200', '/api/vms/instances');
      expect([what, errors()]).toEqual([what, []]);
    }
  });

  test('at the guests’ door', async () => {
    server = await aServer();
    server.setNetworks(true);
    await server.app.ready;
    const port = server.guestPort;
    await until('it is open', () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      ),
    );
    for (const [what, sent] of Object.entries(atGuestDoor)) {
      for (let turn = 0; turn < TIMES; turn++) await reset(server.connect({ port }), sent, turn);
      await stillAnswers(port, 'HTTP/1.1 404', '/');
      expect([what, errors()]).toEqual([what, []]);
    }
  });

  test('before there is a database', { timeout: 120_000 }, async () => {
    server = await aServer({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/nothing' });
    for (const sent of Object.values(onMainPort))
      for (let turn = 0; turn < TIMES; turn++) await reset(server.connect(), sent, turn);
    await stillAnswers(server.port, 'HTTP/1.1 503', '/api/vms/instances');
  });
});
