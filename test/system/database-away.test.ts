import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { followEvents } from './support/follow.js';
import { freePort } from './support/ports.js';
import { createProxy, type Outage } from './support/proxy.js';

/** No request may keep its caller waiting longer. */
const ANSWER_LIMIT_MS = 15_000;
/** The look at the database ends after 3 s, and the rest does not ask it. */
const HEALTH_LIMIT_MS = 5_500;

let database: TestDatabase;
let proxy: Outage;
let proxyPort: number;
let deployment: Deployment;
let db: pg.Client | undefined;

beforeEach(async () => {
  database = await createTestDatabase();
  const url = new URL(database.url);
  proxyPort = await freePort();
  proxy = createProxy({ host: '127.0.0.1', port: proxyPort }, { host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxyPort}`;
  deployment = await aDeployment({
    VAPIORC_PROVISIONER: 'simulated',
    VAPIORC_SIMULATED_INSTALL_MS: '300',
    VAPIORC_SIMULATED_BOOT_MS: '200',
    DATABASE_URL: url.href,
  });
});
afterEach(async () => {
  await deployment?.remove();
  await db?.end();
  await proxy?.close();
  await database?.drop();
});

/** What a request is answered with, and that it was answered in time. */
async function answerOf(url: string, init: RequestInit = {}): Promise<{ status: number; body: string }> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  return { status: response.status, body: await response.text() };
}

const graphql = (query: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query }),
});

test('without its database at the start it says so at every address, and is ready once the database is there', {
  timeout: 90_000,
}, async () => {
  const server = deployment.launch();
  await until('it says that it starts', async () => server.stdout().includes('starting at'));
  const why = await until('it says why it waits', async () => {
    const { body } = await answerOf(`${server.url}/health`);
    return body.includes(`127.0.0.1:${proxyPort}`) && body;
  });
  expect(JSON.parse(why)).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('DATABASE_URL') });
  expect(why).not.toContain(new URL(database.url).password);
  expect(server.stdout()).toMatch(/^vapiorc: the database cannot be used; trying on\. .*DATABASE_URL/m);
  for (const [path, init] of [
    ['/health', {}],
    ['/api/vms/instances', {}],
    ['/api/vms/assign?assigned_to=x', { method: 'POST' }],
    ['/graphql', graphql('{ health { status } }')],
    ['/docs', {}],
  ] as const) {
    const { status, body } = await answerOf(`${server.url}${path}`, init);
    expect([path, status]).toEqual([path, 503]);
    // In the words of the API that was called.
    const { detail, errors } = JSON.parse(body);
    expect(path === '/graphql' ? errors[0].message : detail).toContain('could not be opened');
  }

  await proxy.open();
  await server.banner();
  expect((await api.health(server)).code).toBe(200);
  const { id } = await api.createImage(server);
  await api.imageReady(server, id);
  await server.stop();
});

test('a stop while it waits for its database ends well', { timeout: 60_000 }, async () => {
  const server = deployment.launch();
  await until('it waits', async () => /cannot be used/.test(server.stderr()));
  await server.stop();
});

for (const [what, takeAway] of [
  ['refuses', () => proxy.close()],
  ['is silent', async () => proxy.hang()],
] as const) {
  test(`a database that ${what} for a while is an answer in time, not a hang, and no subscriber misses an event`, {
    timeout: 150_000,
  }, async () => {
    await proxy.open();
    const server = await deployment.start();
    const { id } = await api.createImage(server);
    await api.imageReady(server, id);
    await api.sparesReady(server, 2);
    const events = await followEvents(server);
    await events.until('the spares are told', () => events.told.filter(({ kind }) => kind === 'VM_READY').length === 2);

    await takeAway();
    const report = await until('its health says so', async () => {
      const { status, body } = await answerOf(`${server.url}/health`);
      return status === 503 && body;
    });
    const asked = performance.now();
    await answerOf(`${server.url}/health`);
    expect(performance.now() - asked).toBeLessThan(HEALTH_LIMIT_MS);
    expect(JSON.parse(report)).toMatchObject({
      status: 'down',
      database: { status: 'down', message: expect.stringContaining('DATABASE_URL') },
    });
    const [rest, assigned, query] = await Promise.all([
      answerOf(`${server.url}/api/vms/instances`),
      answerOf(`${server.url}/api/vms/assign?assigned_to=x`, { method: 'POST' }),
      answerOf(`${server.url}/graphql`, graphql('{ pools { vmType } }')),
    ]);
    expect([rest.status, assigned.status]).toEqual([503, 503]);
    for (const { body } of [rest, assigned, query]) {
      expect(body).toMatch(/database/i);
      expect(body).not.toContain(new URL(database.url).password);
    }

    await proxy.close();
    await proxy.open();
    await until('its health says that it is back', async () => (await answerOf(`${server.url}/health`)).status === 200);
    const { vm } = await until('VMs are handed out again', () =>
      api.assignVm(server, { assignedTo: 'after it' }).catch(() => undefined),
    );
    await events.until(
      'the subscriber hears of it',
      ({ kind, vmId }) => kind === 'VM_ASSIGNED' && vmId === vm?.instanceId,
    );
    await api.sparesReady(server, 2);
    const all = await followEvents(server);
    await all.until('everything is told', ({ cursor }) => cursor === events.told.at(-1)?.cursor);
    expect(all.told.slice(0, events.told.length).map(({ cursor }) => cursor)).toEqual(
      events.told.map(({ cursor }) => cursor),
    );
    await Promise.all([events, all].map((one) => one.stop()));
    await server.stop();
  });
}

test('callers who wait for a VM while the database is away for longer than they are believed to wait on, and get it', {
  timeout: 90_000,
}, async () => {
  await proxy.open();
  const server = await deployment.start();
  await api.setPool(server, { hotSpares: 1, maxVms: 1 });
  const image = await api.createImage(server);
  await api.imageReady(server, image.id);
  await api.sparesReady(server, 1);
  const { vm } = await api.assignVm(server, { assignedTo: 'has it' });
  const waiting = fetch(`${server.url}/api/vms/assign?assigned_to=waits&wait_seconds=200`, { method: 'POST' });
  const watching = new pg.Client({ connectionString: database.url });
  db = watching;
  await watching.connect();
  const believed = async (when: string) => {
    const { rows } = await watching.query(
      `SELECT FROM "Assignment" WHERE "status" = 'QUEUED' AND "waitUntil" > ${when}`,
    );
    return rows.length === 1;
  };
  await until('one says that it waits', () => believed(`"createdAt" + interval '21 s'`));

  await proxy.close();
  await until('nobody leads', async () => server.stderr().includes('"this server no longer reconciles"'));
  await watching.query(`UPDATE "Assignment" SET "waitUntil" = now() - interval '6 s' WHERE "status" = 'QUEUED'`);
  await proxy.open();
  await until('it says so again', () => believed('now()'));
  await until('the VM is given back', () => api.releaseVm(server, vm?.id ?? '').catch(() => undefined));

  const { status } = await waiting;
  expect(status).toBe(200);
  await server.stop();
});
