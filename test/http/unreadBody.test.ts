import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { until } from '../support/until.js';
import { aServer, closeOf, type TestServer } from './support/aServer.js';

let server: TestServer;
/** Has no database, and never will. */
let waiting: TestServer;
beforeAll(async () => {
  [server, waiting] = [await aServer(), await aServer({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/nothing' })];
  server.setNetworks(true);
  await server.app.ready;
  await until(
    'the guests are known',
    async () => (await fetch(`http://127.0.0.1:${server.port}/api/vms/instances`)).ok,
  );
});
afterAll(async () => {
  await server?.close();
  await waiting?.close();
});

const BYTES = LIMITS.graphqlBodyBytes.value + 1024 * 1024;
const json = 'Content-Type: application/json';
const noVm = '/api/vms/instances/00000000-0000-4000-8000-000000000000/files/in/a';
const cases: [string, string, string[], number][] = [
  ['a body that is too long for GraphQL', 'POST /graphql', [json], 413],
  ['one that is no JSON', 'POST /graphql', ['Content-Type: text/plain'], 415],
  ['one that is nowhere expected', 'POST /graphql/elsewhere', [json], 404],
  ['one for another host', 'POST /graphql', ['Host: evil.example', json], 403],
  ['one of a page of another site', 'POST /api/vms/assign', ['Origin: http://evil.example'], 403],
  ['one that is too long for REST', 'POST /api/vms/assign', [json], 413],
  ['a file for no VM', `PUT ${noVm}`, [], 404],
  [
    'a form in the place of a file',
    'PUT /api/oem-bundles/office/files/a.exe',
    ['Content-Type: multipart/form-data'],
    415,
  ],
  ['a guest’s without a token', 'POST /guest/v1/ready', [], 401],
  ['one for a route that is none', 'PATCH /nothing', [], 404],
];

/** Sends a request whose body is `sent` bytes long, of `announced`, and another one behind it. */
function twoRequests(to: TestServer, first: string, lines: string[], announced: number | 'chunked', sent = BYTES) {
  const socket = to.connect();
  const answers: string[] = [];
  const closed = closeOf(socket);
  socket.on('data', (text: unknown) => {
    for (const [, status = ''] of String(text).matchAll(/HTTP\/1\.1 (\d+) /g)) answers.push(status);
  });
  const host = lines.some((line) => line.startsWith('Host')) ? [] : ['Host: localhost'];
  const length = announced === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${announced}`;
  socket.write(`${[`${first} HTTP/1.1`, ...host, length, ...lines].join('\r\n')}\r\n\r\n`);
  socket.write(announced === 'chunked' ? `${sent.toString(16)}\r\n${'x'.repeat(sent)}\r\n0\r\n\r\n` : 'x'.repeat(sent));
  if (announced === 'chunked' || announced === sent)
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return { answers, closed, socket };
}

test.each(cases)('%s is refused, and the connection goes on', async (_what, first, lines, status) => {
  for (const length of [BYTES, 'chunked'] as const) {
    const { answers } = twoRequests(server, first, lines, length);
    await until('both are answered', async () => answers.length === 2);
    expect(answers).toEqual([String(status), '200']);
  }
});

test.each(cases)(
  '%s is refused before there is a database, and the connection goes on',
  async (_what, first, lines) => {
    const { answers } = twoRequests(waiting, first, lines, BYTES);
    await until('both are answered', async () => answers.length === 2);
    expect(answers).toEqual([lines.includes('Host: evil.example') ? '403' : '503', '503']);
  },
);

test('what does not come whole in time is cut off, and so is what is too long', async () => {
  const slow = twoRequests(server, 'POST /graphql', ['Content-Type: text/plain'], BYTES, BYTES - 1);
  const long = twoRequests(server, 'POST /graphql', ['Content-Type: text/plain'], 1e12, 10);
  const began = performance.now();
  const piece = 'x'.repeat(1024 * 1024);
  const pump = () => {
    while (!long.socket.destroyed && long.socket.write(piece));
  };
  long.socket.on('drain', pump);
  pump();
  await Promise.all([slow.closed, long.closed]);
  expect([slow.answers, long.answers]).toEqual([['415'], ['415']]);
  expect(performance.now() - began).toBeLessThan(LIMITS.unreadBodySeconds.value * 2000);
  // Cut off by its length, or on a machine that is busy by its time: in either case not much more was read.
  expect(long.socket.bytesWritten).toBeLessThan(LIMITS.unreadBodyBytes.value + 64 * piece.length);
});
