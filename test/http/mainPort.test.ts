import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type App, start } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { createLog } from '../../src/log.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';
import { freePort } from '../system/support/ports.js';

/** A Docker Engine that knows nothing but its networks, once they are there: all of 127.0.0.0/8 but 127.0.0.1 are guests. */
const engine = createServer((_req, res) => {
  res.writeHead(hasNetworks ? 200 : 500, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ IPAM: { Config: [{ Gateway: '127.0.0.1', Subnet: '127.0.0.0/8' }] }, Options: {} }));
});
/** An address of this machine that others have a way to. */
const outward = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

let hasNetworks: boolean;
let folder: string;
let database: TestDatabase;
let app: App;
let port: number;
const sockets: Socket[] = [];

beforeEach(async () => {
  hasNetworks = false;
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-port-'));
  database = await createTestDatabase();
  const socket = join(folder, 'docker.sock');
  await once(engine.listen(socket), 'listening');
  port = await freePort();
  const config = loadConfig({
    DATABASE_URL: database.url,
    VAPIORC_HOST: '0.0.0.0',
    VAPIORC_PORT: String(port),
    VAPIORC_GUEST_PORT: String(await freePort()),
    VAPIORC_DOCKER_SOCKET: socket,
    VAPIORC_STORAGE_PATH: join(folder, 'storage'),
  });
  app = await start(config, createLog('silent'));
  await app.ready;
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app?.stop();
  engine.closeAllConnections();
  engine.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Asks the main port from one address of this machine. */
async function ask(host: string, path: string): Promise<IncomingMessage> {
  const [response] = (await once(
    request({ host, localAddress: host, port, path, agent: false }).end(),
    'response',
  )) as [IncomingMessage];
  response.resume();
  return response;
}

function upgradeOf(host: string): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', localAddress: host, port }).setEncoding('utf8');
  sockets.push(socket);
  socket.on('error', () => {});
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

  hasNetworks = true;
  await until('it is known', async () => (await ask(outward, '/api/vms/instances')).statusCode === 200);
  expect((await ask('127.0.0.1', '/api/vms/instances')).statusCode).toBe(200);
  expect((await ask('127.0.0.5', '/api/vms/instances')).statusCode).toBe(404);
  expect((await ask('127.0.0.5', '/graphql')).statusCode).toBe(404);
  expect(await upgradeOf('127.0.0.5')).toBe('cut off');
});

test('a guest has there what connections it has at its own door, others have more', async () => {
  hasNetworks = true;
  await until('it is known', async () => (await ask('127.0.0.5', '/graphql')).statusCode === 404);
  const closed = { '127.0.0.7': 0, '127.0.0.1': 0 };
  for (const from of ['127.0.0.7', '127.0.0.1'] as const) {
    let open = 0;
    for (let n = 0; n < 70; n++) {
      const socket = createConnection({ host: '127.0.0.1', port, localAddress: from });
      socket.on('error', () => {});
      socket.on('connect', () => open++);
      socket.on('close', () => closed[from]++);
      sockets.push(socket);
    }
    await until('all were taken', async () => open === 70);
  }
  await until('those above the limit are cut off', async () => closed['127.0.0.7'] === 6);
  expect(closed['127.0.0.1']).toBe(0);
});
