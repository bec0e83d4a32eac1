import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isUpload, limitBodyTime } from '../../src/http/bodyTime.js';

const LIMIT_MS = 200;
const server = createServer((req: IncomingMessage, res) => {
  if (!isUpload(req, 'caller')) limitBodyTime(req, LIMIT_MS);
  req.on('error', () => {});
  req.resume().once('end', () => res.end('whole'));
});
beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Sends a request whose body comes a byte at a time, each `everyMs`; what came back before the connection ended. */
async function slowly(head: string, bytes: number, everyMs: number): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  socket.on('error', () => {}); // one that is cut off between two bytes is reset
  const closed = new Promise((resolve) => {
    socket.once('close', resolve);
  });
  let answer = '';
  socket.on('data', (text: string) => {
    answer += text;
    socket.end();
  });
  socket.write(`${head} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent++ < bytes) socket.write('x');
  }, everyMs);
  await closed;
  clearInterval(timer);
  return answer;
}

test('a body that trickles is cut off', async () => {
  expect(await slowly('POST /graphql', 100, 20)).toBe('');
  expect(await slowly('POST /api/vms/instances/x/files/in/y', 100, 20)).toBe('');
});

test('a file may take its time, and so may an answer to a body that came', async () => {
  expect(await slowly('PUT /api/vms/instances/x/files/in/y?sha256=1', 20, 20)).toContain('whole');
  expect(await slowly('PUT /api/oem-bundles/x/files/y', 20, 20)).toContain('whole');
  expect(await slowly('POST /graphql', 2, 10)).toContain('whole');
});

test('of a guest nothing is a file', () => {
  const req = { method: 'PUT', url: '/api/vms/instances/x/files/in/y' } as IncomingMessage;

  expect(isUpload(req, 'caller')).toBe(true);
  for (const from of ['guest', 'unknown'] as const) expect(isUpload(req, from)).toBe(false);
});
