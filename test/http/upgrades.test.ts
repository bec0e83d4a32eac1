import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.js';
import { aServer, closeOf, type TestServer } from './support/aServer.js';

let server: TestServer;
beforeAll(async () => {
  server = await aServer();
  server.setNetworks(true);
  await server.app.ready;
  await until(
    'the guests are known',
    async () => (await fetch(`http://127.0.0.1:${server.port}/api/vms/instances`)).ok,
  );
});
afterAll(() => server?.close());

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', KEY];

/** All that comes back until the server ends the connection, of which this end takes no notice. */
async function answerTo(lines: string[], { from, body = '' }: { from?: string; body?: string } = {}): Promise<string> {
  const socket = server.connect(from === undefined ? {} : { from });
  let came = '';
  socket.on('data', (text: unknown) => {
    came += String(text);
  });
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  await closeOf(socket);
  return came;
}

test.each([
  ['another host', '/graphql', ['Host: evil.example'], 403, 'HOST_REFUSED'],
  ['another origin', '/graphql', ['Host: localhost', 'Origin: http://evil.example'], 403, 'FOREIGN_ORIGIN'],
  ['another path', '/api/vms/events', ['Host: localhost'], 404, 'NOT_FOUND'],
])('a WebSocket of %s is told why not, and what to do', async (_what, path, lines, status, code) => {
  const [head = '', body = ''] = (await answerTo([`GET ${path} HTTP/1.1`, ...WEBSOCKET, ...lines])).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toMatch(/\r\ncontent-type: application\/json/i);
  const said = JSON.parse(body);
  expect(said.errors?.[0]?.extensions ?? said).toMatchObject({ code, fix: expect.stringMatching(/\w+/) });
});

test('a handshake that is none is told what is missing', async () => {
  const answer = await answerTo([
    'GET /graphql HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
  ]);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
    errors: [{ message: expect.stringContaining('Sec-WebSocket-Key'), extensions: { code: 'BAD_HANDSHAKE' } }],
  });
});

test('a guest gets no WebSocket, as at its own door', async () => {
  const answer = await answerTo(['GET /graphql HTTP/1.1', 'Host: localhost', ...WEBSOCKET], { from: '127.0.0.5' });
  expect(answer).toMatch(/^HTTP\/1.1 404 /);
});

test('whoever would rather speak HTTP/2, as Java’s client, is answered in HTTP/1.1', async () => {
  const wish = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];
  const read = await answerTo(['GET /api/vms/instances HTTP/1.1', 'Host: localhost', ...wish, 'Connection: close']);
  expect(read).toMatch(/^HTTP\/1.1 200 /);
  const query = '{"query":"{ pools { vmType } }"}';
  const post = ['POST /graphql HTTP/1.1', 'Host: localhost', ...wish, 'Content-Type: application/json'];
  const sent = await answerTo([...post, `Content-Length: ${query.length}`, 'Connection: close'], { body: query });
  expect(sent).toContain('{"data":{"pools":[]}}');
  const foreign = await answerTo(['GET / HTTP/1.1', 'Host: evil.example', ...wish, 'Connection: close']);
  expect(foreign).toMatch(/^HTTP\/1.1 403 [\s\S]*HOST_REFUSED/);
});

test('this is no proxy', async () => {
  expect(await answerTo(['CONNECT evil.example:443 HTTP/1.1', 'Host: localhost'])).toMatch(
    /^HTTP\/1.1 405 [\s\S]*METHOD_NOT_ALLOWED/,
  );
});
