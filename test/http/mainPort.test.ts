import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { until } from '../support/until.js';
import { aServer, type TestServer } from './support/aServer.js';

/** An address of this machine that others have a way to. */
const outward = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

let server: TestServer;

beforeEach(async () => {
  server = await aServer();
  await server.app.ready;
});
afterEach(() => server?.close());

/** Asks the main port from one address of this machine. */
async function ask(host: string, path: string): Promise<IncomingMessage> {
  const [response] = (await once(
    request({ host, localAddress: host, port: server.port, path, agent: false }).end(),
    'response',
  )) as [IncomingMessage];
  response.resume();
  return response;
}

function upgradeOf(from: string): Promise<string> {
  const socket = server.connect({ from });
  const lines = ['GET /graphql HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'];
  socket.write(
    [...lines, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n'),
  );
  return new Promise((resolve) => {
    socket.once('data', (text: unknown) => resolve(String(text).slice(0, 12)));
    socket.once('close', () => resolve('cut off'));
  });
}

test('until the network of the VMs is known it is this machine’s alone, and then not the guests’', async () => {
  if (outward === undefined) throw new Error('this machine has no address but loopback');
  expect((await ask('127.0.0.1', '/api/health')).statusCode).not.toBe(503);
  const refused = await ask(outward, '/api/vms/instances');
  expect([refused.statusCode, Number(refused.headers['retry-after']) > 0]).toEqual([503, true]);

  server.setNetworks(true);
  await until('it is known', async () => (await ask(outward, '/api/vms/instances')).statusCode === 200);
  expect((await ask('127.0.0.1', '/api/vms/instances')).statusCode).toBe(200);
  expect((await ask('127.0.0.5', '/api/vms/instances')).statusCode).toBe(404);
  expect((await ask('127.0.0.5', '/graphql')).statusCode).toBe(404);
  expect(await upgradeOf('127.0.0.5')).toBe('HTTP/1.1 404');
});

test('a guest has there what connections it has at its own door, others have more', async () => {
  server.setNetworks(true);
  await until('it is known', async () => (await ask('127.0.0.5', '/graphql')).statusCode === 404);
  const closed = { '127.0.0.7': 0, '127.0.0.1': 0 };
  for (const from of ['127.0.0.7', '127.0.0.1'] as const) {
    let open = 0;
    for (let n = 0; n < 70; n++) {
      const socket = server.connect({ from });
      socket.on('connect', () => open++);
      socket.on('close', () => closed[from]++);
    }
    await until('all were taken', async () => open === 70);
  }
  await until(
    'those above the limit are cut off',
    async () => closed['127.0.0.7'] === 70 - LIMITS.connectionsPerGuest.value,
  );
  expect(closed['127.0.0.1']).toBe(0);
});
