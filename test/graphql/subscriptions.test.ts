import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { setPool } from '../../src/actions/pool/setPool.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import type { EventKind } from '../../src/domain/events.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { errorOf, read } from './support/ask.js';
import { type Client, fetchClient, socketClient, sseClient } from './support/clients.js';

let world: World;
const aWorldEach = () => {
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.close());
};

/** Puts an event on record, as any writer does. */
async function tell(
  kind: EventKind,
  facts: { vmType?: string; poolId?: string; vmId?: string; data?: Record<string, number> } = {},
): Promise<void> {
  await world.write(async (_tx, say) => say({ kind, ...facts }));
}
const settled = () =>
  until(
    'the feed to have read all',
    async () => world.feed.head === ((await world.db.event.aggregate({ _max: { seq: true } }))._max.seq ?? 0n),
  );

describe.each([
  ['graphql-ws', socketClient],
  ['graphql-sse', sseClient],
  ['fetch', fetchClient],
] as [string, (world: World) => Client][])('over %s', (_name, open) => {
  aWorldEach();
  let client: Client;
  beforeEach(() => {
    client = open(world);
  });
  afterEach(() => client.close());

  test('vmEvents replays what came after the cursor, then goes on, and leaves nothing behind', async () => {
    for (let n = 0; n < 3; n++) await tell('POOL_CHANGED', { vmType: '11', data: { n } });
    await settled();
    const events = client.subscribe(
      'subscription ($after: Cursor) { vmEvents(after: $after) { cursor kind vmType actor data } }',
      { after: '1' },
    );

    expect((await events.next()).data.vmEvents).toEqual({
      cursor: '2',
      kind: 'POOL_CHANGED',
      vmType: '11',
      actor: 'api',
      data: { n: 1 },
    });
    expect((await events.next()).data.vmEvents.cursor).toBe('3');
    await tell('POOL_CHANGED', { data: { n: 3 } });
    expect((await events.next()).data.vmEvents).toMatchObject({ cursor: '4', data: { n: 3 } });

    expect(world.feed.subscribers).toBe(1);
    await events.stop();
    await until('the subscription to end', async () => world.feed.subscribers === 0);
  });

  test('vmUpdated shows the VM as it is, then after each change', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const updates = client.subscribe(
      'subscription ($id: ID!) { vmUpdated(id: $id) { status allowedActions goldenImage { version } } }',
      { id: vm.id },
    );
    expect((await updates.next()).data.vmUpdated).toEqual({
      status: 'BOOTING',
      allowedActions: ['DESTROY'],
      goldenImage: { version: 1 },
    });
    await reportVmReady(world, vm.id);
    expect((await updates.next()).data.vmUpdated.status).toBe('READY');
    await releaseVm(world, { id: vm.id });
    expect((await updates.next()).data.vmUpdated.status).toBe('RELEASING');
    await updates.stop();
  });
});

describe('what subscriptions tell', () => {
  aWorldEach();
  let client: Client;
  beforeEach(() => {
    client = socketClient(world);
  });
  afterEach(() => client.close());

  test('vmEvents takes filters: VM, vmType and kinds', async () => {
    const vm = await aVm(world.db);
    const of = (filter: string) =>
      client.subscribe(`subscription { vmEvents(after: "0", ${filter}) { cursor kind vm { instanceId } } }`);
    await tell('VM_BOOTING', { vmType: '10' });
    await tell('VM_BOOTING', { vmType: '11' });
    await tell('VM_READY', { vmType: '11', vmId: vm.id });
    await settled();
    const first = async (filter: string) => (await of(filter).next()).data.vmEvents;
    expect(await first(`vmId: "${vm.id}"`)).toEqual({ cursor: '3', kind: 'VM_READY', vm: { instanceId: vm.id } });
    expect((await first(`vmId: "${Buffer.from(`Vm:${vm.id}`).toString('base64')}"`)).cursor).toBe('3');
    expect((await first('vmType: "win11"')).cursor).toBe('2');
    expect((await first('kinds: [VM_READY, VM_FAILED]')).cursor).toBe('3');
  });

  test('without a cursor it begins with what comes next', async () => {
    await tell('POOL_CHANGED', { data: { n: 1 } });
    await settled();
    const events = client.subscribe('subscription { vmEvents { data } }');
    await until('the subscriber to wait', async () => world.feed.subscribers === 1);
    await tell('POOL_CHANGED', { data: { n: 2 } });
    expect((await events.next()).data.vmEvents.data).toEqual({ n: 2 });
  });

  test('goldenImageProgress, assignmentUpdated and poolUpdated tell the present, then each change', async () => {
    const image = await anImage(world.db, { status: 'INSTALLING' });
    const vm = await aVm(world.db, { status: 'BOOTING', goldenImageId: image.id });
    await aPool(world.db, { vmType: '10' });
    const { assignVm } = await read(
      world,
      'mutation { assignVm(input: {assignedTo: "me"}) { ... on AssignVmPayload { assignment { id } } } }',
    );
    await settled();
    const progress = client.subscribe('subscription ($id: ID!) { goldenImageProgress(id: $id) { status progress } }', {
      id: image.id,
    });
    const pools = client.subscribe(
      'subscription { poolUpdated { vmType hotSpares queued counts { booting ready assigned } } }',
    );
    const assignment = client.subscribe(
      'subscription ($id: ID!) { assignmentUpdated(id: $id) { status position vm { instanceId } } }',
      { id: assignVm.assignment.id },
    );

    expect((await progress.next()).data.goldenImageProgress).toEqual({ status: 'INSTALLING', progress: null });
    expect((await assignment.next()).data.assignmentUpdated).toEqual({ status: 'QUEUED', position: 1, vm: null });
    expect((await pools.next()).data.poolUpdated).toMatchObject({ vmType: '10' });
    expect((await pools.next()).data.poolUpdated).toEqual({
      vmType: '11',
      hotSpares: 0,
      queued: 1,
      counts: { booting: 1, ready: 0, assigned: 0 },
    });

    await world.db.goldenImage.update({ where: { id: image.id }, data: { progress: 0.5 } });
    await world.write(async (_tx, say) =>
      say({ kind: 'GOLDEN_IMAGE_PROGRESS', goldenImageId: image.id, vmType: '11' }),
    );
    expect((await progress.next()).data.goldenImageProgress.progress).toBe(0.5);

    await world.db.goldenImage.update({ where: { id: image.id }, data: { status: 'READY', sizeBytes: 1n } });
    await reportVmReady(world, vm.id);
    expect((await assignment.next()).data.assignmentUpdated).toEqual({
      status: 'FULFILLED',
      position: null,
      vm: { instanceId: vm.id },
    });
    expect((await pools.next()).data.poolUpdated).toMatchObject({ vmType: '11', queued: 0, counts: { assigned: 1 } });

    await setPool(world, { vmType: '10', hotSpares: 0, maxVms: 7 });
    expect((await pools.next()).data.poolUpdated).toMatchObject({ vmType: '10' });
  });

  test('many changes while nobody reads are told as one', async () => {
    const { id: poolId } = await aPool(world.db, { vmType: '11', hotSpares: 0 });
    const updates = client.subscribe('subscription { poolUpdated(vmType: "11") { hotSpares } }');
    expect((await updates.next()).data.poolUpdated.hotSpares).toBe(0);
    await world.write(async (tx, say) => {
      for (let n = 1; n <= 50; n++) {
        await tx.pool.update({ where: { name: '11' }, data: { hotSpares: n } });
        say({ kind: 'POOL_CHANGED', vmType: '11', poolId });
      }
    });
    expect((await updates.next()).data.poolUpdated.hotSpares).toBe(50);
    await tell('POOL_BLOCKED', { vmType: '11', poolId });
    expect((await updates.next()).data.poolUpdated.hotSpares).toBe(50); // the second, not the 51st
    await world.db.pool.update({ where: { name: '11' }, data: { hotSpares: 99 } });
    await tell('POOL_CHANGED', { vmType: '11', poolId });
    expect((await updates.next()).data.poolUpdated.hotSpares).toBe(99);
  });
});

describe('mistakes', () => {
  let client: Client;
  beforeAll(async () => {
    world = await startWorld();
    client = socketClient(world);
  });
  afterAll(async () => {
    await client.close();
    await world.close();
  });

  test.each([
    ['vmEvents(after: "rubbish") { kind }', 'BAD_USER_INPUT'],
    ['vmEvents(after: 5) { kind }', 'BAD_USER_INPUT'],
    ['vmEvents(after: "99999999999999999999") { kind }', 'BAD_USER_INPUT'],
    ['vmEvents(after: "9223372036854775808") { kind }', 'BAD_USER_INPUT'],
    ['vmEvents(after: "1") { kind }', 'BAD_USER_INPUT'], // nothing happened yet
    ['vmEvents(vmId: "rubbish") { kind }', 'BAD_USER_INPUT'],
    ['vmEvents(vmType: "95") { kind }', 'BAD_USER_INPUT'],
    ['vmEvents(kinds: []) { kind }', 'BAD_USER_INPUT'],
    ['vmUpdated(id: "rubbish") { id }', 'BAD_USER_INPUT'],
    [`vmUpdated(id: "${randomUUID()}") { id }`, 'NOT_FOUND'],
    [`goldenImageProgress(id: "${randomUUID()}") { id }`, 'NOT_FOUND'],
    [`assignmentUpdated(id: "${randomUUID()}") { id }`, 'NOT_FOUND'],
    ['poolUpdated(vmType: "11") { id }', 'NOT_FOUND'],
  ])('%s is refused with a reason', async (field, code) => {
    const refused = await client
      .subscribe(`subscription { ${field} }`)
      .next()
      .then(
        ({ errors }) => errors,
        (errors: unknown) => errors,
      );
    expect(refused).toMatchObject([{ message: expect.any(String), extensions: { code } }]);
  });
});

describe('events', () => {
  aWorldEach();

  test('are walked page by page, forwards, of all or of one VM', async () => {
    const vmId = randomUUID();
    for (let n = 1; n <= 7; n++) await tell('VM_BOOTING', n % 2 ? { vmId } : {});
    const walk = async (args: string) => {
      const cursors: string[] = [];
      for (let after = '0'; ; ) {
        const { events } = await read(
          world,
          `{ events(after: "${after}", first: 3 ${args}) { edges { cursor node { cursor } } pageInfo { hasNextPage endCursor } } }`,
        );
        for (const { cursor, node } of events.edges) {
          expect(node.cursor).toBe(cursor);
          cursors.push(cursor);
        }
        if (!events.pageInfo.hasNextPage) return cursors;
        after = events.pageInfo.endCursor;
      }
    };
    expect(await walk('')).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    expect(await walk(`vmId: "${vmId}"`)).toEqual(['1', '3', '5', '7']);
    expect(
      (await read(world, '{ events(after: "7") { nodes { kind } pageInfo { endCursor hasNextPage } } }')).events,
    ).toEqual({
      nodes: [],
      pageInfo: { endCursor: null, hasNextPage: false },
    });
    expect((await errorOf(world, '{ events(after: "8") { nodes { kind } } }')).message).toContain(
      'no such event in this database yet',
    );
    expect((await errorOf(world, '{ events(after: "-1") { nodes { kind } } }')).extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
    });
    expect(
      (await errorOf(world, 'query ($after: Cursor) { events(after: $after) { nodes { kind } } }', { after: 'x' }))
        .extensions,
    ).toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test('four writers commit at once, subscribers come in the middle with a cursor: no gap, no duplicate', async () => {
    const WRITERS = 4;
    const EACH = 60;
    const clients = [socketClient(world), sseClient(world), fetchClient(world)];
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; n < EACH; n++) await tell('VM_BOOTING', { data: { writer, n } });
    });
    await until('the writers to be in the middle', async () => world.feed.head > (WRITERS * EACH) / 3);
    const from = world.feed.head - 20n;
    const QUERY = 'subscription ($after: Cursor!) { vmEvents(after: $after) { cursor } }';
    const listeners = clients.map(async (client) => {
      const events = client.subscribe(QUERY, { after: String(from) });
      const cursors: bigint[] = [];
      while (cursors.at(-1) !== BigInt(WRITERS * EACH))
        cursors.push(BigInt((await events.next()).data.vmEvents.cursor));
      return cursors;
    });
    await Promise.all(writers);
    const expected = Array.from({ length: WRITERS * EACH - Number(from) }, (_, n) => from + 1n + BigInt(n));
    for (const cursors of await Promise.all(listeners)) expect(cursors).toEqual(expected);
    for (const client of clients) await client.close();
  });
});
