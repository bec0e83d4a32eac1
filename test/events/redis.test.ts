import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Bus, openBus } from '../../src/events/bus.js';
import { anyPort } from '../support/anyPort.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const LIMIT = { timeout: 20_000, interval: 10 };
const DATABASE = 'postgresql://nobody@127.0.0.1:1/none'; // Redis carries the hints: never asked

const open: Bus[] = [];
const servers: TestRedis[] = [];
const folders: string[] = [];
const endings: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
  for (const end of endings.splice(0)) await end();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function aRedis(...args: string[]): Promise<TestRedis> {
  const server = await startRedis(...args);
  servers.push(server);
  return server;
}

function aBus(redisUrl: string) {
  const lines: string[] = [];
  const stream = new PassThrough().on('data', (line: Buffer) => lines.push(line.toString()));
  const bus = openBus({ databaseUrl: DATABASE, redisUrl, log: pino({ level: 'info' }, stream) });
  open.push(bus);
  const hints: bigint[] = [];
  bus.subscribe((seq) => hints.push(seq));
  const says = (text: RegExp) => vi.waitUntil(() => text.test(bus.health().message), LIMIT);
  return { bus, hints, lines, says, ready: () => vi.waitUntil(() => bus.health().status === 'OK', LIMIT) };
}

const as = (redis: TestRedis, user: string) => redis.url.replace('//', `//${user}@`);

/** A client that may do everything, for what the operator does. */
async function operator(redis: TestRedis): Promise<Redis> {
  const client = new Redis(redis.url);
  endings.push(() => client.disconnect());
  return client;
}

describe('a user of a Redis with access lists', () => {
  const limited = (...rights: string[]) => ['--user', 'limited', 'on', '>pw', 'resetchannels', '-@all', ...rights];

  test('needs the rights that the fix names, and no others', async () => {
    const redis = await aRedis(...limited('+publish', '+subscribe', '&vapiorc:*'));
    const [a, b] = [aBus(as(redis, 'limited:pw')), aBus(as(redis, 'limited:pw'))];
    await Promise.all([a.ready(), b.ready()]);

    a.bus.publish(7n);

    await vi.waitUntil(() => b.hints.includes(7n), LIMIT);
  });

  test.each([
    ['may not publish', ['+subscribe', '&vapiorc:*']],
    ['may not subscribe', ['+publish', '&vapiorc:*']],
    ['may not use the channel', ['+publish', '+subscribe', '&other:*']],
    ['may do nothing', []],
  ])('that %s: health is DOWN, and following its fix mends it', async (_what, rights) => {
    const redis = await aRedis(...limited(...rights));
    const a = aBus(as(redis, 'limited:pw'));
    await a.says(/NOPERM/);
    const { status, message } = a.bus.health();
    expect(status).toBe('DOWN');
    const fix = /ACL SETUSER <user> (.*?)[.(;]? \(/.exec(message)?.[1] ?? 'none';

    await (await operator(redis)).acl('SETUSER', 'limited', ...fix.split(' '));

    await a.ready();
    expect(a.lines.filter((line) => line.includes('bus is away'))).toHaveLength(1);
  });

  test('that loses its rights: health says so at the next hint, and is never good in between', async () => {
    const redis = await aRedis(...limited('+publish', '+subscribe', '&vapiorc:*'));
    const a = aBus(as(redis, 'limited:pw'));
    await a.ready();
    await (await operator(redis)).acl('SETUSER', 'limited', '-publish');

    a.bus.publish(1n);
    await a.says(/NOPERM/);
    const seen = new Set<string>();
    for (let n = 0; n < 40; n++) {
      seen.add(a.bus.health().status);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }

    expect([...seen]).toEqual(['DOWN']);
  });

  test('that is refused asks again seldom, not in a circle', async () => {
    const redis = await aRedis(...limited('+publish', '&vapiorc:*'));
    const a = aBus(as(redis, 'limited:pw'));
    await a.says(/NOPERM/);
    const client = await operator(redis);
    const before = connectionsOf(await client.info('stats'));

    await new Promise((resolve) => setTimeout(resolve, 1_000));

    expect(connectionsOf(await client.info('stats')) - before).toBe(0);
  });
});

const connectionsOf = (info: string) => Number(/total_connections_received:(\d+)/.exec(info)?.[1]);

test.each([
  [
    'a wrong password',
    ['--requirepass', 'right'],
    (url: string) => url.replace('//', '//:wr0ng@'),
    /WRONGPASS.*REDIS_URL/,
  ],
  ['no password', ['--requirepass', 'right'], (url: string) => url, /wants a password.*REDIS_URL/],
  [
    'TLS that it does not speak',
    [],
    (url: string) => url.replace('redis:', 'rediss:'),
    /in time.*speaks TLS.*redis:\/\//,
  ],
])('%s: DOWN, with the fix', async (_what, args, change, says) => {
  const redis = await aRedis(...args);
  const a = aBus(change(redis.url));
  await a.says(says);
  expect(a.bus.health().status).toBe('DOWN');
  expect(a.bus.health().message + a.lines.join()).not.toContain('wr0ng');
});

test('a Redis that takes no more clients: DOWN with the fix, and OK once there is room', async () => {
  const redis = await aRedis('--maxclients', '1');
  const client = await operator(redis);
  await client.ping();
  const a = aBus(redis.url);
  await a.says(/CONFIG (GET|SET) maxclients/);
  expect(a.bus.health().status).toBe('DOWN');

  await client.config('SET', 'maxclients', '10');

  await a.ready();
});

test('a replica carries hints to those who ask the same one: DEGRADED, naming the primary as the fix', async () => {
  const primary = await aRedis();
  const replica = await aRedis('--replicaof', '127.0.0.1', new URL(primary.url).port, '--repl-diskless-load', 'swapdb');
  const [a, b] = [aBus(replica.url), aBus(replica.url)];
  await Promise.all([a.says(/is a replica.*primary in REDIS_URL/), b.says(/is a replica/)]);
  expect(a.bus.health().status).toBe('DEGRADED');
  expect(a.lines.filter((line) => line.includes('is a replica'))).toHaveLength(1);

  a.bus.publish(3n);
  await vi.waitUntil(() => b.hints.includes(3n), LIMIT);
});

test('a replica that refuses while its primary is away: DOWN with the fix', async () => {
  const port = await anyPort();
  const replica = await aRedis('--replicaof', '127.0.0.1', String(port), '--replica-serve-stale-data', 'no');
  const a = aBus(replica.url);
  await a.says(/MASTERDOWN.*primary|is a replica/);
  expect(a.bus.health().status).not.toBe('OK');
});

test('something that is no Redis: DOWN with the fix, not a fault', async () => {
  const sockets = new Set<Socket>();
  const web = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  }).listen(0, '127.0.0.1');
  await once(web, 'listening');
  endings.push(() => {
    for (const socket of sockets) socket.destroy();
    web.close();
  });
  const a = aBus(`redis://127.0.0.1:${(web.address() as { port: number }).port}`);
  await a.says(/(does not speak as Redis does|ends the connection).*rediss:/);
  expect(a.bus.health().status).toBe('DOWN');
});

describe('a Redis with TLS', () => {
  /** With a certificate of its own for this name. */
  async function aTlsRedis(name: string): Promise<{ url: string; certificate: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'vapiorc-redis-tls-'));
    folders.push(folder);
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync(
      'openssl',
      [...made, '-keyout', key, '-out', certificate, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`],
      { stdio: 'ignore' },
    );
    const port = String(await anyPort());
    await aRedis('--tls-port', port, '--tls-cert-file', certificate, '--tls-key-file', key, '--tls-auth-clients', 'no');
    return { url: `rediss://localhost:${port}`, certificate };
  }

  /** The health of a bus in a process of its own that trusts this certificate too. */
  async function healthOfTrusting(url: string, certificate: string): Promise<string> {
    const module = fileURLToPath(new URL('../../src/events/bus.ts', import.meta.url));
    const script = `
      import { openBus } from ${JSON.stringify(module)};
      const quiet = { warn() {}, info() {}, debug() {}, error: console.error };
      const bus = openBus({ databaseUrl: '', redisUrl: ${JSON.stringify(url)}, log: quiet });
      const timer = setInterval(() => {
        const { status, message } = bus.health();
        if (status === 'DOWN' && /not connected yet/.test(message)) return;
        clearInterval(timer);
        console.log(status + ' ' + message);
        bus.close();
      }, 10);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    await once(child, 'exit');
    return said.toString();
  }

  test('whose certificate is self-signed: DOWN with the fix, which helps', async () => {
    const { url, certificate } = await aTlsRedis('localhost');
    const a = aBus(url);
    await a.says(/nobody whom this server trusts.*NODE_EXTRA_CA_CERTS/);
    expect(a.bus.health().status).toBe('DOWN');

    expect(await healthOfTrusting(url, certificate)).toMatch(/^OK /);
  });

  test('whose certificate is for another name: DOWN with the fix', async () => {
    const { url, certificate } = await aTlsRedis('redis.example');
    expect(await healthOfTrusting(url, certificate)).toMatch(/^DOWN .*another name than the one in REDIS_URL/);
  });

  test('that is asked without TLS: DOWN with the fix', async () => {
    const { url } = await aTlsRedis('localhost');
    const a = aBus(url.replace('rediss:', 'redis:'));
    await a.says(/rediss:\/\//);
    expect(a.bus.health().status).toBe('DOWN');
  });
});
