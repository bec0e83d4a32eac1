import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { VERSION } from '../../src/version.js';
import { cutOff } from '../support/database.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
const get = (path: string, init?: RequestInit) => call(world.url, 'GET', path, init);

beforeAll(async () => {
  world = await startWorld({ VAPIORC_WEBHOOK: 'on' });
});
beforeEach(async () => {
  await world.empty();
  delete world.engine.health;
});
afterAll(() => world.close());

describe('GET /', () => {
  test('tells programs what is where', async () => {
    const { status, body } = await get('/');

    expect(status).toBe(200);
    expect(body).toMatchObject({
      message: 'vapiorc',
      version: VERSION,
      docs: '/docs',
      endpoints: { graphql: '/graphql', health: '/health' },
    });
  });

  test('shows browsers a page', async () => {
    const { body, headers } = await get('/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });

    expect(headers.get('content-type')).toMatch(/^text\/html/);
    for (const address of ['graphql', 'docs', 'health', 'openapi.json']) expect(body).toContain(`href="${address}"`);
  });

  test('every address that it names is there', async () => {
    const { body } = await get('/');

    for (const [name, path] of Object.entries<string>(body.endpoints)) {
      if (name === 'graphql' || name === 'graphiql') continue; // served beside this app
      const answer = await fetch(`${world.url}${path}`, { method: 'HEAD' });
      expect([name, answer.status]).toEqual([name, name === 'assign_vm' ? 405 : 200]);
    }
  });
});

describe('GET /health', () => {
  test.each(['/health', '/health/'])('%s answers 200 with every part', async (path) => {
    const { status, body } = await get(path);

    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'ok',
      version: VERSION,
      ...Object.fromEntries(
        ['database', 'bus', 'provisioner', 'storage', 'guests'].map((part) => [
          part,
          { status: 'ok', message: expect.any(String) },
        ]),
      ),
    });
  });

  test('DEGRADED is a 200', async () => {
    world.engine.health = async () => ({
      provisioner: { status: 'DOWN', message: 'no answer' },
      storage: { status: 'OK', message: 'fine' },
    });

    const answer = await get('/health');

    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      status: 'degraded',
      provisioner: { status: 'down', message: 'no answer' },
      storage: { status: 'ok', message: 'fine' },
    });
  });

  test('DOWN is a 503', async () => {
    const without = await startWorld();
    await cutOff(without.databaseUrl);

    const answer = await call(without.url, 'GET', '/health');

    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({
      status: 'down',
      database: { status: 'down', message: expect.stringContaining('does not answer') },
    });
    await without.close();
  });
});

describe('what is not there', () => {
  test.each([
    '/nothing',
    '/api/vms',
    '/api/vms/instances/',
    '/api/vms/instances/a/b/c',
    '/guest',
    '/webhook/x',
    '/docs/../rest.ts',
    '/%2e%2e/etc/passwd',
    '//',
    '/docs/package.json',
  ])('%s: 404', async (path) => {
    expectProblem(await get(path), 404, 'NOT_FOUND');
  });

  test.each([
    ['GET', '/api/vms/assign', 'POST'],
    ['PUT', '/api/vms/instances', 'GET, POST, HEAD'],
    ['POST', '/api/vms/instances/x', 'GET, DELETE, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
    ['OPTIONS', '/api/vms/assign', 'POST'],
    ['GET', '/guest/v1/ready', 'POST'],
    ['DELETE', '/webhook/ready/11', 'POST'],
    ['POST', '/docs', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
  ])('%s %s: 405', async (method, path, allow) => {
    const answer = await call(world.url, method, path);

    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('allow')).toBe(allow);
  });
});

describe('a fault', () => {
  test('is masked with an id that is in the log, once', async () => {
    world.engine.health = async () => {
      throw new Error('password=hunter2 in the connection string');
    };

    const answer = await get('/health?token=hunter3');

    expectProblem(answer, 500, 'FAULT', { fault_id: expect.any(String) });
    expect(JSON.stringify(answer.body)).not.toContain('hunter');
    const lines = world.log.filter((line) => line.faultId === answer.body.fault_id);
    expect(lines).toMatchObject([
      { level: 50, path: '/health', method: 'GET', err: { message: expect.stringContaining('hunter2') } },
    ]);
    expect(JSON.stringify(world.log)).not.toContain('hunter3');
  });

  test('refusals are not logged', async () => {
    await call(world.url, 'POST', '/api/vms/assign');
    await get('/nothing');

    expect(world.log).toEqual([]);
  });
});

test('a body above 1 MiB is refused, with its length said or not', async () => {
  const big = 'x'.repeat(LIMITS.restBodyBytes.value + 1);

  expectProblem(await call(world.url, 'POST', '/api/vms/hot-spares/ensure', { body: big }), 413, 'TOO_LARGE');
  const streamed = { body: new Blob([big]).stream(), duplex: 'half' } as RequestInit;
  expectProblem(await call(world.url, 'POST', '/api/vms/hot-spares/ensure', streamed), 413, 'TOO_LARGE');
  expect((await call(world.url, 'POST', '/api/vms/hot-spares/ensure', { body: big.slice(1) })).status).toBe(200);
});

describe('a web page of another origin', () => {
  const foreign = {
    headers: { origin: 'https://evil.example.com', 'content-type': 'application/x-www-form-urlencoded' },
  };

  test.each([
    ['POST', '/api/vms/assign?assigned_to=x'],
    ['POST', '/api/vms/instances'],
    ['DELETE', '/api/vms/instances/x'],
    ['POST', '/webhook/ready/11'],
    ['POST', '/guest/v1/ready'],
    ['POST', '/nothing'],
  ])('may not %s %s', async (method, path) => {
    expectProblem(await call(world.url, method, path, foreign), 403, 'FOREIGN_ORIGIN');
  });

  test('may not read what it asks for', async () => {
    const answer = await get('/api/vms/instances', foreign);

    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('our own pages may change things', async () => {
    const own = { headers: { origin: world.url } };

    expect((await call(world.url, 'POST', '/api/vms/hot-spares/ensure', own)).status).toBe(200);
  });

  test.each(['null', 'http://127.0.0.1:1', ''])('nor may one whose origin is %j', async (origin) => {
    expect(await rawStatus('POST', '/api/vms/hot-spares/ensure', { origin })).toBe(403);
  });
});

async function rawStatus(method: string, path: string, headers: Record<string, string>): Promise<number | undefined> {
  const req = request(`${world.url}${path}`, { method, headers });
  req.end();
  const [response] = await once(req, 'response');
  response.resume();
  return response.statusCode;
}
