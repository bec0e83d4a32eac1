import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { followEvents, type VmEvent } from './support/follow.js';
import { freePort } from './support/ports.js';
import type { Server } from './support/server.js';

const SPARES = 3;

let deployment: Deployment;
let database: TestDatabase;
let redis: TestRedis;
let servers: [Server, Server];

beforeEach(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()]);
  deployment = await aDeployment({
    VAPIORC_PROVISIONER: 'simulated',
    VAPIORC_SIMULATED_CREATE_MS: '50',
    VAPIORC_SIMULATED_BOOT_MS: '100',
    VAPIORC_SIMULATED_INSTALL_MS: '300',
    VAPIORC_HOT_SPARES: String(SPARES),
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
  });
  const one = await deployment.start();
  servers = [one, await deployment.start({ VAPIORC_PORT: String(await freePort()) })];
});
afterEach(async () => {
  await deployment?.remove();
  await redis?.stop();
  await database?.drop();
});

const reconciles = (server: Server) => /"this server reconciles"/.test(server.stderr());

async function aFilledPool(server: Server): Promise<void> {
  const { id } = await api.createImage(server);
  await api.imageReady(server, id);
  await api.sparesReady(server, SPARES);
}

function expectInOrder(events: VmEvent[]): void {
  const cursors = events.map(({ cursor }) => BigInt(cursor));
  expect(cursors).toEqual([...new Set(cursors)].toSorted((a, b) => (a < b ? -1 : 1)));
}

test('what happens through one server is told by the other at once and in order, and after an outage of Redis too', {
  timeout: 90_000,
}, async () => {
  const [one, two] = servers;
  const events = await followEvents(two);
  await aFilledPool(one);
  expect((await api.health(one)).body.bus).toMatchObject({ status: 'ok' });

  const { vm } = await api.assignVm(one, { assignedTo: 'by the first' });
  // Well below the tick that would bring it without a hint.
  await events.until(
    'the other server tells of it',
    ({ kind, vmId }) => kind === 'VM_ASSIGNED' && vmId === vm?.instanceId,
    2_000,
  );

  await redis.stop();
  await until('both servers notice', async () => {
    const found = await Promise.all(servers.map(async (server) => (await api.health(server)).body.bus.status));
    return found.every((status) => status !== 'ok');
  });
  const meanwhile = await api.assignVm(one, { assignedTo: 'without Redis', waitSeconds: 20 });
  expect(meanwhile.status).toBe('FULFILLED'); // the bus is only a hint
  await events.until(
    'it is told late, not never',
    ({ vmId, kind }) => vmId === meanwhile.vm?.instanceId && kind === 'VM_ASSIGNED',
  );

  await redis.restart();
  await until('both servers are back on the bus', async () => {
    const found = await Promise.all(servers.map(async (server) => (await api.health(server)).body.bus.status));
    return found.every((status) => status === 'ok');
  });
  await api.sparesReady(two, SPARES);
  const after = await api.assignVm(two, { assignedTo: 'with Redis again' });
  await events.until(
    'hints work again',
    ({ vmId, kind }) => vmId === after.vm?.instanceId && kind === 'VM_ASSIGNED',
    2_000,
  );

  await api.sparesReady(one, SPARES);
  const all = await followEvents(one);
  await events.until('the pool is full again', ({ kind, vmId }) => kind === 'VM_READY' && vmId !== null);
  await all.until('the log is told whole', ({ cursor }) => cursor === events.told.at(-1)?.cursor);
  const upTo = BigInt(events.told.at(-1)?.cursor ?? '0');
  expect(all.told.filter(({ cursor }) => BigInt(cursor) <= upTo)).toEqual(events.told);
  expectInOrder(events.told);
  await Promise.all([events, all].map((one) => one.stop()));
  await Promise.all(servers.map((server) => server.stop()));
});

test('only one of them reconciles, so no pool grows beyond its target; when it is killed the other takes over', {
  timeout: 90_000,
}, async () => {
  const [one, two] = servers;
  await until('one leads', async () => reconciles(one) || reconciles(two));
  await aFilledPool(two);
  await api.ask(two, 'mutation { ensureHotSpares { __typename } }');
  await api.ask(one, 'mutation { ensureHotSpares { __typename } }');
  const events = await followEvents(two);
  await events.until(
    'all spares are told',
    () => events.told.filter(({ kind }) => kind === 'VM_READY').length === SPARES,
  );
  expect(events.told.filter(({ kind }) => kind === 'VM_REQUESTED')).toHaveLength(SPARES);
  await events.stop();

  const [leader, other] = reconciles(one) ? [one, two] : [two, one];
  expect(reconciles(other)).toBe(false);
  await leader.kill();
  const began = Date.now();
  await until('the other takes over', async () => reconciles(other), 10_000);
  // Simulated machines die with the process that simulates them: the new leader has to replace all of them.
  const lost = (await api.listVms(other)).map(({ instanceId }) => instanceId);
  await until(
    'the pool is full of new VMs',
    async () => {
      const ready = await api.listVms(other, '(status: READY)');
      return ready.length === SPARES && ready.every(({ instanceId }) => !lost.includes(instanceId));
    },
    20_000,
  );
  expect(Date.now() - began).toBeLessThan(30_000);
  expect((await api.assignVm(other, { assignedTo: 'after the takeover' })).status).toBe('FULFILLED');
  await other.stop();
});
