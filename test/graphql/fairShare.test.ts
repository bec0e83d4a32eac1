import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeNodeId } from '../../src/graphql/nodeId.js';
import { gate } from '../support/gate.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

/** Asks from one of this host's addresses. */
function askFrom(localAddress: string, query: string): Promise<{ status: number; data: object | undefined }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const req = request(world.graphqlUrl, { method: 'POST', headers, localAddress }, (res) => {
      let text = '';
      res.on('data', (chunk) => {
        text += chunk;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, data: (JSON.parse(text) as { data?: object }).data }));
    });
    req.on('error', reject);
    req.end(JSON.stringify({ query }));
  });
}

const MUCH = `{ ${Array.from({ length: 15 }, (_, n) => `a${n}: vms(first: 1) { nodes { id } }`).join(' ')} }`;

/** While queries of VMs take as long as `work` does. */
async function whileVmsHang(work: () => Promise<void>): Promise<void> {
  const { open, opened } = gate();
  const { open: lock, opened: locked } = gate();
  const holding = world.db.$transaction(async (tx) => {
    await tx.$executeRaw`LOCK TABLE "Vm" IN ACCESS EXCLUSIVE MODE`;
    lock();
    await opened;
  });
  await locked;
  await work().finally(open);
  await holding;
}

const hanging = async (): Promise<number> => {
  const [row] = await world.db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return row?.count ?? 0;
};

test('operations of one address that hang leave connections to others, and to the server', async () => {
  const much: Promise<{ status: number }>[] = [];
  await whileVmsHang(async () => {
    for (let n = 0; n < 10; n++) much.push(askFrom('127.0.0.2', MUCH));
    await expect.poll(hanging).toBe(5);
    expect(await askFrom('127.0.0.1', '{ pools { vmType } }')).toEqual({ status: 200, data: { pools: [] } });
    expect(await hanging()).toBe(5);
  });
  for (const { status } of await Promise.all(much)) expect(status).toBe(200);
});

test('what is named by ids is asked for with one query of each type', async () => {
  const ids = Array.from({ length: 15 }, () => `"${encodeNodeId('Vm', crypto.randomUUID())}"`).join(' ');
  let nodes: Promise<{ status: number }> | undefined;
  await whileVmsHang(async () => {
    nodes = askFrom('127.0.0.1', `{ nodes(ids: [${ids}]) { id ... on Vm { status } } }`);
    await expect.poll(hanging).toBe(1);
    await world.db.pool.count(); // others have had the time to come
    expect(await hanging()).toBe(1);
  });
  expect((await nodes)?.status).toBe(200);
});

test('one operation that hangs leaves a connection to others of its address', async () => {
  const much: Promise<{ status: number }>[] = [];
  await whileVmsHang(async () => {
    much.push(askFrom('127.0.0.1', MUCH));
    await expect.poll(hanging).toBe(4);
    expect(await askFrom('127.0.0.1', '{ pools { vmType } }')).toEqual({ status: 200, data: { pools: [] } });
  });
  for (const { status } of await Promise.all(much)) expect(status).toBe(200);
});

test('documents of one address that take long to look through keep another waiting for no more than a few', async () => {
  const LONG = `{ ${'pools { counts { booting } } '.repeat(350)} }`;
  const agent = (localAddress: string) => new Agent({ keepAlive: true, localAddress });
  const [flood, other] = [agent('127.0.0.2'), agent('127.0.0.1')];
  const ask = (by: Agent, query: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      request(world.graphqlUrl, { method: 'POST', headers, agent: by }, (res) =>
        res.resume().once('end', () => resolve(res.statusCode ?? 0)),
      )
        .on('error', reject)
        .end(JSON.stringify({ query }));
    });
  try {
    // Connected already, so that all of them come in the same moment.
    await Promise.all([
      ...Array.from({ length: 100 }, () => ask(flood, '{ __typename }')),
      ask(other, '{ __typename }'),
    ]);
    let answered = 0;
    const floods = Array.from({ length: 100 }, () => ask(flood, LONG).finally(() => answered++));
    expect(await ask(other, '{ __typename }')).toBe(200);
    expect(answered).toBeLessThan(30);
    await Promise.all(floods);
  } finally {
    flood.destroy();
    other.destroy();
  }
});
