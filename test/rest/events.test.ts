import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NewEvent } from '../../src/domain/events.js';
import { aPool, aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

interface Told {
  id: string;
  data: Record<string, unknown>;
}

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const tell = (...events: NewEvent[]) =>
  world.write(async (_tx, tellOne) => {
    for (const event of events) tellOne(event);
  });
const ofPool = (vmType: string): NewEvent => ({
  kind: 'POOL_CHANGED',
  vmType,
  data: { hotSpares: 3, maxVms: 5 },
});

/** Opens the stream and reads the line that says it is connected; `next` reads one event. */
async function listen(query = '', headers: Record<string, string> = {}) {
  const caller = new AbortController();
  const response = await fetch(`${world.url}/api/vms/events${query}`, { headers, signal: caller.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const body = Readable.fromWeb(response.body as never);
  body.on('error', () => {}); // the end of the call below
  const lines = createInterface({ input: body })[Symbol.asyncIterator]();
  const block = async (): Promise<string[]> => {
    const read: string[] = [];
    for (let line = await lines.next(); !line.done && line.value !== ''; line = await lines.next())
      read.push(line.value);
    return read;
  };
  expect(await block()).toEqual(['retry: 2000', ': connected']);
  return {
    async next(): Promise<Told> {
      const [id = '', data = ''] = await block();
      expect([id.slice(0, 4), data.slice(0, 6)]).toEqual(['id: ', 'data: ']);
      return { id: id.slice(4), data: JSON.parse(data.slice(6)) };
    },
    end: () => caller.abort(),
  };
}

test('tells what happens from now on', async () => {
  await tell(ofPool('10'));
  await until(
    'the event was read',
    async () => (await world.db.event.count({ where: { seq: { gt: world.feed.head } } })) === 0,
  );
  const stream = await listen();

  await tell(ofPool('11'));

  const { id, data } = await stream.next();
  expect(data).toEqual({
    seq: id,
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    kind: 'POOL_CHANGED',
    actor: 'api',
    principal_id: 'anyone',
    principal_name: 'anyone',
    vm_type: '11',
    pool: null,
    instance_id: null,
    golden_id: null,
    assignment_id: null,
    reason: null,
    data: { hotSpares: 3, maxVms: 5 },
  });
  stream.end();
});

describe('after a cursor', () => {
  test.each([
    ['?after=', true, false],
    ['Last-Event-ID', false, true],
  ])('%s: all that came later, then what happens', async (_, inQuery, inHeader) => {
    await tell(ofPool('7'), ofPool('8'), ofPool('10'));
    const [, , first] = await world.db.event.findMany({ orderBy: { seq: 'desc' }, take: 3 });
    const seq = String(first?.seq);
    // An EventSource reconnects with the address that it was given and the header beside it: the header counts.
    const query = inQuery ? `?after=${seq}` : '?after=0';
    const headers: Record<string, string> = inHeader ? { 'last-event-id': seq } : {};

    const stream = await listen(query, headers);
    await tell(ofPool('11'));

    const types = [await stream.next(), await stream.next(), await stream.next()].map(({ data }) => data.vm_type);
    expect(types).toEqual(['8', '10', '11']);
    stream.end();
  });

  test('0 is the beginning', async () => {
    await tell(ofPool('2022'));
    const stream = await listen('?after=0&vm_type=2022');

    expect((await stream.next()).data.vm_type).toBe('2022');
    stream.end();
  });

  test.each(['-1', 'x', '', '1.5', '99999999999999999999', '999999999999'])('%j is refused', async (after) => {
    expectProblem(await call(world.url, 'GET', `/api/vms/events?after=${after}`), 422, 'INVALID_INPUT', {
      field: 'after',
      value: after,
    });
  });
});

test('tells just what was asked for', async () => {
  const vmId = randomUUID();
  await tell(
    { kind: 'VM_READY', vmType: '11', vmId },
    { kind: 'VM_READY', vmType: '11', vmId: randomUUID() },
    { kind: 'VM_ASSIGNED', vmType: '11', vmId },
    ofPool('10'),
  );
  const firstOf = async (query: string) => {
    const stream = await listen(`?after=0&${query}`);
    const { data } = await stream.next();
    stream.end();
    return data;
  };

  expect(await firstOf(`instance_id=${vmId}&kinds=vm_assigned`)).toMatchObject({
    kind: 'VM_ASSIGNED',
    instance_id: vmId,
  });
  expect(await firstOf('kinds=POOL_CHANGED,VM_FAILED')).toMatchObject({ kind: 'POOL_CHANGED' });
  expect(await firstOf('vm_type=win10')).toMatchObject({ vm_type: '10' });
});

test('tells just what is of a pool, by its name, which each event says', async () => {
  const { lineId } = await aPool(world.db);
  const desks = await world.db.pool.create({
    data: { name: 'desks', vmType: '11', lineId, hotSpares: 0, maxVms: 5 },
  });
  const vm = await aVm(world.db, { poolId: desks.id });
  const own = await aVm(world.db);
  await tell(
    { kind: 'VM_READY', vmType: '11', vmId: own.id },
    { kind: 'VM_READY', vmType: '11', vmId: vm.id },
    { kind: 'GOLDEN_IMAGE_READY', vmType: '11', goldenImageId: vm.goldenImageId },
    { kind: 'POOL_CHANGED', vmType: '11', poolId: desks.id },
  );

  const of = await listen('?after=0&pool=desks');
  const told = [await of.next(), await of.next()].map(({ data }) => [data.kind, data.pool, data.instance_id]);
  expect(told).toEqual([
    ['VM_READY', 'desks', vm.id],
    ['POOL_CHANGED', 'desks', null],
  ]);
  of.end();
  const all = await listen(`?after=0&kinds=GOLDEN_IMAGE_READY,VM_READY&instance_id=${own.id}`);
  expect((await all.next()).data).toMatchObject({ pool: '11', instance_id: own.id });
  all.end();

  const ask = (query: string) => call(world.url, 'GET', `/api/vms/events?${query}`);
  expectProblem(await ask('pool=nowhere'), 404, 'NOT_FOUND');
  expectProblem(await ask('pool=desks&vm_type=10'), 422, 'INVALID_INPUT', { field: 'vm_type' });
  expectProblem(await ask('pool=-'), 422, 'INVALID_INPUT', { field: 'pool' });
});

test.each([
  ['kinds=NOTHING', 'kinds'],
  ['instance_id=x', 'instance_id'],
  ['golden_id=x', 'golden_id'],
  ['vm_type=x', 'vm_type'],
])('%s is refused', async (query, field) => {
  expectProblem(await call(world.url, 'GET', `/api/vms/events?${query}`), 422, 'INVALID_INPUT', { field });
});

test('a thousand events come in order, each once', async () => {
  await tell(...Array.from({ length: 1000 }, () => ofPool('2019')));
  const stream = await listen('?after=0&vm_type=2019');

  const seqs: bigint[] = [];
  while (seqs.length < 1000) seqs.push(BigInt((await stream.next()).id));

  expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => (a < b ? -1 : 1)));
  stream.end();
});
