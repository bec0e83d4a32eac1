import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Bus, openBus } from '../../src/events/bus.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const LIMIT = { timeout: 20_000, interval: 10 };

let database: TestDatabase;
let redis: TestRedis;
const open: Bus[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()]);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await Promise.all([database.drop(), redis.stop()]);
});

const kinds = [
  { kind: 'Postgres', urls: () => ({ databaseUrl: database.url }) },
  { kind: 'Redis', urls: () => ({ databaseUrl: database.url, redisUrl: redis.url }) },
];

function aBus(urls: { databaseUrl: string; redisUrl?: string }) {
  const lines: string[] = [];
  const stream = new PassThrough().on('data', (line: Buffer) => lines.push(line.toString()));
  const bus = openBus({ ...urls, log: pino({ level: 'info' }, stream) });
  open.push(bus);
  const hints: bigint[] = [];
  const unsubscribe = bus.subscribe((seq) => hints.push(seq));
  return { bus, hints, lines, unsubscribe, ready: () => vi.waitUntil(() => bus.health().status === 'OK', LIMIT) };
}

describe.each(kinds)('hints by $kind', ({ urls }) => {
  test('reach the publisher itself and every other server', async () => {
    const [a, b] = [aBus(urls()), aBus(urls())];
    await Promise.all([a.ready(), b.ready()]);

    a.bus.publish(7n);

    await vi.waitUntil(() => a.hints.includes(7n) && b.hints.includes(7n), LIMIT);
  });

  test('reach another process', async () => {
    const a = aBus(urls());
    await a.ready();
    const module = fileURLToPath(new URL('../../src/events/bus.ts', import.meta.url));
    const script = `
      import { openBus } from ${JSON.stringify(module)};
      const quiet = { warn() {}, info() {}, debug() {}, error: console.error };
      const bus = openBus({ ...${JSON.stringify(urls())}, log: quiet });
      bus.subscribe((seq) => { if (seq === 1n) { bus.publish(2n); } });
      const timer = setInterval(() => { if (bus.health().status === 'OK') { clearInterval(timer); console.log('ready'); } }, 10);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');

    a.bus.publish(1n);

    await vi.waitUntil(() => a.hints.includes(2n), LIMIT);
  });

  test('coalesce: of a thousand at once, others see few, and the last', async () => {
    const [a, b] = [aBus(urls()), aBus(urls())];
    await Promise.all([a.ready(), b.ready()]);
    b.hints.length = 0;

    for (let seq = 1n; seq <= 1000n; seq++) a.bus.publish(seq);

    await vi.waitUntil(() => b.hints.includes(1000n), LIMIT);
    expect(b.hints.length).toBeLessThan(10);
    expect(b.hints).toEqual(b.hints.toSorted((x, y) => Number(x - y)));
  });

  test('stop for who has unsubscribed; a subscriber that throws does not keep them from the others', async () => {
    const a = aBus(urls());
    await a.ready();
    a.bus.subscribe(() => {
      throw new Error('broken subscriber');
    });
    const later: bigint[] = [];
    a.bus.subscribe((seq) => later.push(seq));
    a.unsubscribe();
    a.hints.length = 0;

    a.bus.publish(5n);

    await vi.waitUntil(() => later.includes(5n), LIMIT);
    expect(a.hints).toEqual([]);
    expect(a.lines.join()).toContain('broken subscriber');
  });

  test('do not need a connection within one server, and close() ends everything', async () => {
    const a = aBus(urls());
    a.bus.publish(3n); // not connected yet
    await vi.waitUntil(() => a.hints.includes(3n), LIMIT);

    await a.bus.close();
    a.hints.length = 0;
    a.bus.publish(4n);
    await a.bus.close();

    expect(a.hints).toEqual([]);
  });

  test('that are no number are passed over', async () => {
    const a = aBus(urls());
    await a.ready();
    a.hints.length = 0;
    const { Redis } = await import('ioredis');
    const stranger = new Redis(redis.url);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    for (const text of ['', '{"seq":1}', '-1', 'x'.repeat(1000), '9'.repeat(50)]) {
      await stranger.publish('vapiorc:hints', text);
      await client.query('SELECT pg_notify($1, $2)', ['vapiorc', text]);
    }
    await stranger.publish('vapiorc:hints', '12');
    await client.query('SELECT pg_notify($1, $2)', ['vapiorc', '12']);
    stranger.disconnect();
    await client.end();

    await vi.waitUntil(() => a.hints.includes(12n), LIMIT);

    expect(a.hints).toEqual([12n]);
  });
});

test('Redis killed and started again: nothing throws, health says so, subscribers are called, hints flow again', async () => {
  const crashing = await startRedis('--requirepass', 's3cret');
  const urls = { databaseUrl: database.url, redisUrl: crashing.url.replace('redis://', 'redis://:s3cret@') };
  const [a, b] = [aBus(urls), aBus(urls)];
  await Promise.all([a.ready(), b.ready()]);
  a.bus.publish(10n);
  await vi.waitUntil(() => b.hints.includes(10n), LIMIT);

  await crashing.stop();
  await vi.waitUntil(() => a.bus.health().status === 'DOWN' && b.bus.health().status === 'DOWN', LIMIT);
  for (let seq = 11n; seq <= 200n; seq++) a.bus.publish(seq);
  await vi.waitUntil(() => a.hints.includes(200n), LIMIT); // its own server hears it all the same
  b.hints.length = 0;
  await crashing.restart();

  await Promise.all([a.ready(), b.ready()]);
  // Either that b was called back, or that a's waiting hint arrived, whichever came first; then both.
  await vi.waitUntil(() => b.hints.includes(10n) || b.hints.includes(200n), LIMIT);
  a.bus.publish(201n);
  await vi.waitUntil(() => b.hints.includes(201n), LIMIT);
  for (const { lines } of [a, b]) {
    expect(lines.filter((line) => line.includes('bus is away'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('bus is back'))).toHaveLength(1);
    expect(lines.join()).not.toContain('s3cret');
  }
  await crashing.stop();
});

test('a Redis that hangs is found out by the next hint', async () => {
  const urls = { databaseUrl: database.url, redisUrl: redis.url };
  const a = aBus(urls);
  await a.ready();
  const pid = redis.pid() as number;
  process.kill(pid, 'SIGSTOP');
  try {
    a.bus.publish(1n);
    await vi.waitUntil(() => a.bus.health().status === 'DOWN', LIMIT);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await a.ready();
});

test('a Redis that refuses the password is an outage whose log does not hold the password', async () => {
  const guarded = await startRedis('--requirepass', 'right');
  try {
    const a = aBus({ databaseUrl: database.url, redisUrl: guarded.url.replace('redis://', 'redis://:wr0ng@') });
    await vi.waitUntil(() => /WRONGPASS|NOAUTH/.test(a.bus.health().message), LIMIT);
    expect(a.bus.health().message + a.lines.join()).not.toContain('wr0ng');

    const b = aBus({ databaseUrl: database.url, redisUrl: guarded.url.replace('redis://', 'redis://:right@') });
    await b.ready();
  } finally {
    await guarded.stop();
  }
});

test('a Redis on a Unix socket, with its password in the URL', async () => {
  const socket = `/tmp/vapiorc-test-${process.pid}.sock`;
  const local = await startRedis('--unixsocket', socket, '--requirepass', 'right');
  try {
    const urls = { databaseUrl: database.url, redisUrl: `unix://:right@${socket}` };
    const [a, b] = [
      aBus({ ...urls, redisUrl: `unix://default:right@localhost${socket}` }),
      aBus({ ...urls, redisUrl: local.url.replace('//', '//:right@') }),
    ];
    await Promise.all([a.ready(), b.ready()]);
    a.bus.publish(1n);
    await vi.waitUntil(() => b.hints.includes(1n), LIMIT);
  } finally {
    await local.stop();
    await rm(socket, { force: true });
  }
});

test('no Redis, no Postgres: the bus opens, is DOWN, logs it once, and closes', async () => {
  const port = await unusedPort();
  for (const urls of [
    { databaseUrl: `postgresql://u:s3cret@127.0.0.1:${port}/x` },
    { databaseUrl: database.url, redisUrl: `redis://:s3cret@127.0.0.1:${port}` },
  ]) {
    const a = aBus(urls);
    expect(a.bus.health().status).toBe('DOWN');
    a.bus.publish(1n);
    await vi.waitUntil(() => a.bus.health().message.includes('ECONNREFUSED'), LIMIT);
    await a.bus.close();
    expect(a.lines).toHaveLength(1);
    expect(a.lines.join()).not.toContain('s3cret');
  }
});

test('a listener whose backend is terminated listens again, and calls back for what it may have missed', async () => {
  const [a, b] = [aBus({ databaseUrl: database.url }), aBus({ databaseUrl: database.url })];
  await Promise.all([a.ready(), b.ready()]);
  a.bus.publish(20n);
  await vi.waitUntil(() => b.hints.includes(20n), LIMIT);
  b.hints.length = 0;

  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rowCount } = await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vapiorc bus' AND datname = current_database()",
  );
  await client.end();
  expect(rowCount).toBe(2);

  await vi.waitUntil(() => b.hints.includes(20n), LIMIT);
  await Promise.all([a.ready(), b.ready()]);
  a.bus.publish(21n);
  await vi.waitUntil(() => b.hints.includes(21n), LIMIT);
  expect(b.lines.map((line) => JSON.parse(line).msg)).toEqual([expect.stringContaining('bus is away'), 'bus is back']);
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
