import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CapacityExhausted, Unavailable } from '../../src/domain/errors.js';
import { LIMITS } from '../../src/domain/limits.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { ask, REFUSAL, read } from './support/ask.js';

let world: World;
beforeAll(async () => {
  world = await startWorld({ VAPIORC_ISO_HOSTS: 'x.example' });
});
afterAll(() => world.close());

/** Calls a mutation; answers its result. */
async function mutate(
  name: string,
  input: Record<string, unknown>,
  payload = '',
): Promise<Record<string, unknown> & { __typename: string }> {
  const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const selection = payload ? `... on ${title}Payload { ${payload} }` : '';
  const data = await read(
    world,
    `mutation ($input: ${title}Input!) { ${name}(input: $input) { ${REFUSAL} ${selection} } }`,
    { input },
  );
  return data[name];
}

const refusal = (type: string, facts: object = {}) => ({
  __typename: type,
  code: type.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
  message: expect.any(String),
  fix: expect.any(String),
  ...facts,
});
const nodeId = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64');
const lastEvent = () => world.db.event.findFirstOrThrow({ orderBy: { seq: 'desc' } });

describe('golden images', () => {
  test('createGoldenImage asks for the next version, with what is configured where nothing is given', async () => {
    const { __typename, goldenImage } = await mutate(
      'createGoldenImage',
      {},
      'goldenImage { imageId vmType version status name cpuCores ramMiB diskGiB language isoUrl }',
    );
    expect(__typename).toBe('CreateGoldenImagePayload');
    expect(goldenImage).toMatchObject({
      vmType: '11',
      version: 1,
      status: 'REQUESTED',
      name: 'Windows 11',
      cpuCores: 2,
      ramMiB: 4096,
      diskGiB: 64,
      language: 'en',
      isoUrl: null,
    });
    const given = {
      vmType: 'win10',
      name: 'ten',
      cpuCores: 4,
      ramMiB: 8192,
      diskGiB: 40,
      language: 'fr-FR',
      isoUrl: 'https://u:p@x.example/a.iso',
    };
    const second = await mutate(
      'createGoldenImage',
      given,
      'goldenImage { vmType name cpuCores ramMiB diskGiB language isoUrl }',
    );
    expect(second.goldenImage).toEqual({ ...given, vmType: '10', isoUrl: 'https://***@x.example/a.iso' });
    const nulls = await mutate(
      'createGoldenImage',
      { vmType: '10', name: null, cpuCores: null, isoUrl: null },
      'goldenImage { version name }',
    );
    expect(nulls.goldenImage).toEqual({ version: 2, name: 'Windows 10' });
  });

  test('createGoldenImage says which value is wrong, and what the host lacks', async () => {
    expect(await mutate('createGoldenImage', { ramMiB: 1 })).toEqual(
      refusal('InvalidInput', { field: 'ramMiB', value: '1' }),
    );
    expect(await mutate('createGoldenImage', { language: 'Klingon' })).toEqual(
      refusal('InvalidInput', { field: 'language', value: 'Klingon', fix: expect.stringContaining('German (de)') }),
    );
    expect(await mutate('createGoldenImage', { isoUrl: 'http://me:hunter2@[::ffff:a9fe:a9fe]/latest' })).toEqual(
      refusal('InvalidInput', {
        field: 'isoUrl',
        value: 'http://***@[::ffff:a9fe:a9fe]/latest',
        fix: expect.stringContaining('VAPIORC_ISO_HOSTS'),
      }),
    );
    world.engine.admit = async () => new CapacityExhausted('disk', 'needs 64 GiB, 3 GiB are free', 'Free some.');
    expect(await mutate('createGoldenImage', {})).toEqual(
      refusal('CapacityExhausted', { message: 'needs 64 GiB, 3 GiB are free', fix: 'Free some.' }),
    );
    world.engine.admit = async () => new Unavailable('kvm', 'no /dev/kvm', 'Set VAPIORC_KVM=off.');
    expect(await mutate('createGoldenImage', {})).toEqual(refusal('Unavailable', { fix: 'Set VAPIORC_KVM=off.' }));
    delete world.engine.admit;
  });

  test('an image is marked ready, promoted, retired and deleted; each twice, and out of order with a Conflict', async () => {
    const image = await anImage(world.db, { vmType: '2022', status: 'INSTALLING' });
    const id = nodeId('GoldenImage', image.id);
    const change = (name: string) => mutate(name, { id }, 'goldenImage { status current }');
    expect(await change('promoteGoldenImage')).toMatchObject(refusal('Conflict'));
    expect(await change('retireGoldenImage')).toMatchObject(refusal('Conflict'));

    for (const _twice of [1, 2])
      expect(await change('markGoldenImageReady')).toMatchObject({ goldenImage: { status: 'SEALING' } });
    await world.db.goldenImage.update({ where: { id: image.id }, data: { status: 'READY', sizeBytes: 1n } });

    for (const _twice of [1, 2])
      expect(await change('promoteGoldenImage')).toMatchObject({ goldenImage: { current: true } });
    for (const _twice of [1, 2])
      expect(await change('retireGoldenImage')).toMatchObject({ goldenImage: { status: 'RETIRED', current: false } });
    expect(await change('markGoldenImageReady')).toMatchObject(refusal('Conflict'));
    for (const _twice of [1, 2])
      expect(await change('deleteGoldenImage')).toMatchObject({ goldenImage: { status: 'DELETED' } });
  });

  test('an image with living clones is not deleted', async () => {
    const image = await anImage(world.db, { vmType: '2019', status: 'RETIRED' });
    await aVm(world.db, { vmType: '2019', goldenImageId: image.id, status: 'ASSIGNED' });
    expect(await mutate('deleteGoldenImage', { id: image.id })).toMatchObject(
      refusal('Conflict', { message: expect.stringContaining('1 living clone') }),
    );
  });
});

describe('VMs', () => {
  test('createVm makes a VM of the current image that is no spare', async () => {
    await anImage(world.db, { vmType: '8' });
    const { vm } = await mutate('createVm', { vmType: '8' }, 'vm { vmType status hotSpare }');
    expect(vm).toEqual({ vmType: '8', status: 'REQUESTED', hotSpare: false });
  });

  test('createVm refuses an unknown vmType, one without an image, and one more than the pool may have', async () => {
    expect(await mutate('createVm', { vmType: '95' })).toEqual(
      refusal('InvalidInput', { field: 'vmType', value: '95' }),
    );
    expect(await mutate('createVm', { vmType: 'xp' })).toEqual(refusal('NoGoldenImage'));
    await anImage(world.db, { vmType: 've' });
    await aPool(world.db, { vmType: 've', maxVms: 0 });
    expect(await mutate('createVm', { vmType: 've' })).toEqual(refusal('Conflict'));
    world.engine.admit = async () => new CapacityExhausted('memory', 'needs 4096 MiB, 100 MiB are free', 'Free some.');
    expect(await mutate('createVm', { vmType: 've' })).toEqual(refusal('CapacityExhausted', { fix: 'Free some.' }));
    world.engine.admit = async () => new Unavailable('docker', 'no answer', 'Start Docker.');
    expect(await mutate('createVm', { vmType: 've' })).toEqual(refusal('Unavailable', { fix: 'Start Docker.' }));
    delete world.engine.admit;
  });

  test.each(['releaseVm', 'destroyVm'])('%s ends the VM once, by its id or its bare UUID', async (name) => {
    const vm = await aVm(world.db, { status: 'ASSIGNED' });
    expect(await mutate(name, { id: nodeId('Vm', vm.id) }, 'changed vm { instanceId status reason }')).toMatchObject({
      changed: true,
      vm: { instanceId: vm.id, status: 'RELEASING', reason: name === 'releaseVm' ? 'released' : 'destroyed' },
    });
    expect(await mutate(name, { id: vm.id }, 'changed vm { status }')).toMatchObject({
      changed: false,
      vm: { status: 'RELEASING' },
    });
    expect(await lastEvent()).toMatchObject({ kind: 'VM_RELEASING', vmId: vm.id, actor: 'api' });
  });
});

describe('ids', () => {
  test.each([
    ['releaseVm', 'GoldenImage'],
    ['destroyVm', 'Assignment'],
    ['markGoldenImageReady', 'Vm'],
    ['promoteGoldenImage', 'Vm'],
    ['retireGoldenImage', 'Vm'],
    ['deleteGoldenImage', 'Vm'],
    ['cancelAssignment', 'Vm'],
  ])('%s refuses what is not there, what is the id of a %s, and rubbish', async (name, otherType) => {
    const other = nodeId(otherType, randomUUID());
    expect(await mutate(name, { id: randomUUID() })).toEqual(refusal('NotFound'));
    expect(await mutate(name, { id: other })).toEqual(refusal('InvalidInput', { field: 'id', value: other }));
    expect(await mutate(name, { id: 'rubbish' })).toEqual(refusal('InvalidInput', { field: 'id', value: 'rubbish' }));
  });
});

describe('pools', () => {
  test('setPool changes what is given, makes the pool when it is not there, and says what does not fit', async () => {
    const made = await mutate(
      'setPool',
      { vmType: '7', hotSpares: 4, maxVms: 8, cpuCores: 4 },
      'pool { vmType hotSpares maxVms cpuCores ramMiB }',
    );
    expect(made.pool).toEqual({ vmType: '7', hotSpares: 4, maxVms: 8, cpuCores: 4, ramMiB: null });
    const changed = await mutate(
      'setPool',
      { vmType: '7', hotSpares: null, maxVms: 6, cpuCores: null },
      'pool { hotSpares maxVms cpuCores }',
    );
    expect(changed.pool).toEqual({ hotSpares: 4, maxVms: 6, cpuCores: null });
    expect(await mutate('setPool', { vmType: '7', hotSpares: 7 })).toEqual(
      refusal('InvalidInput', { field: 'hotSpares', value: '7' }),
    );
  });

  test('ensureHotSpares wakes one pool or all of them', async () => {
    await aPool(world.db, { vmType: 'vista', failures: 3, retryAt: new Date('2099-01-01') });
    expect(await mutate('ensureHotSpares', { vmType: 'vista' }, 'pools { vmType failures retryAt }')).toMatchObject({
      pools: [{ vmType: 'vista', failures: 0, retryAt: null }],
    });
    const { ensureHotSpares } = await read(
      world,
      'mutation { ensureHotSpares { ... on EnsureHotSparesPayload { pools { vmType } } } }',
    );
    expect(ensureHotSpares.pools.length).toBe(await world.db.pool.count());
    expect(await mutate('ensureHotSpares', { vmType: 'tiny11' })).toEqual(refusal('NotFound'));
    expect(await mutate('ensureHotSpares', { vmType: '95' })).toEqual(
      refusal('InvalidInput', { field: 'vmType', value: '95' }),
    );
  });
});

describe('assignVm', () => {
  const ASSIGNMENT =
    'assignment { assignmentId status assignedTo vmType position leaseExpiresAt reason vm { instanceId status assignedTo } }';

  test('hands out a spare at once', async () => {
    const vm = await aVm(world.db, { vmType: '11' });
    const { assignment } = await mutate('assignVm', { assignedTo: 'job 1', leaseSeconds: 60 }, ASSIGNMENT);
    expect(assignment).toMatchObject({
      status: 'FULFILLED',
      assignedTo: 'job 1',
      vmType: '11',
      position: null,
      leaseExpiresAt: expect.any(String),
      vm: { instanceId: vm.id, status: 'ASSIGNED', assignedTo: 'job 1' },
    });
  });

  test('queues when there is none, and the same key gets the same place', async () => {
    await anImage(world.db, { vmType: '2016', status: 'INSTALLING' });
    const order = { assignedTo: 'a', vmType: '2016', idempotencyKey: 'k1' };
    const first = (await mutate('assignVm', order, ASSIGNMENT)).assignment;
    expect(first).toMatchObject({ status: 'QUEUED', position: 1, vm: null });
    expect((await mutate('assignVm', { assignedTo: 'b', vmType: '2016' }, ASSIGNMENT)).assignment).toMatchObject({
      position: 2,
    });
    expect((await mutate('assignVm', order, ASSIGNMENT)).assignment).toEqual(first);
    expect(await mutate('assignVm', { ...order, assignedTo: 'c' })).toEqual(refusal('Conflict'));
  });

  test('refuses values out of range and a vmType without an image', async () => {
    expect(await mutate('assignVm', { assignedTo: '  ' })).toEqual(
      refusal('InvalidInput', { field: 'assignedTo', value: '  ' }),
    );
    expect(await mutate('assignVm', { assignedTo: 'a', waitSeconds: LIMITS.waitSeconds.value + 1 })).toEqual(
      refusal('InvalidInput', { field: 'waitSeconds', value: `${LIMITS.waitSeconds.value + 1}` }),
    );
    expect(await mutate('assignVm', { assignedTo: 'a', leaseSeconds: 0 })).toEqual(
      refusal('InvalidInput', { field: 'leaseSeconds', value: '0' }),
    );
    expect(await mutate('assignVm', { assignedTo: 'a', vmType: 'xp64' })).toEqual(refusal('NoGoldenImage'));
  });

  test('waits for a VM and answers with it as soon as it is there', async () => {
    const vm = await aVm(world.db, { vmType: '2012', status: 'BOOTING' });
    const waiting = mutate('assignVm', { assignedTo: 'w', vmType: '2012', waitSeconds: 60 }, ASSIGNMENT);
    await until(
      'the order to be queued',
      async () => (await world.db.assignment.count({ where: { vmType: '2012' } })) === 1,
    );
    await reportVmReady(world, vm.id);
    expect((await waiting).assignment).toMatchObject({ status: 'FULFILLED', vm: { instanceId: vm.id } });
  });

  test('answers with the place in the queue when the wait is over, or takes the request back if it is told to', async () => {
    await anImage(world.db, { vmType: 'hv' });
    await aPool(world.db, { vmType: 'hv', blocked: 'the host is full' });
    const kept = await mutate('assignVm', { assignedTo: 'k', vmType: 'hv', waitSeconds: 1 }, ASSIGNMENT);
    expect(kept.assignment).toMatchObject({ status: 'QUEUED', position: 1 });
    const late = await mutate('assignVm', { assignedTo: 'l', vmType: 'hv', waitSeconds: 1, cancelIfLate: true });
    expect(late).toEqual(refusal('NoVmInTime', { message: expect.stringContaining('the host is full') }));
    expect(await world.db.assignment.findFirstOrThrow({ where: { assignedTo: 'l' } })).toMatchObject({
      status: 'ENDED',
      reason: 'no VM in time',
    });
  });

  test('stops waiting when the caller goes away, and then takes the request back if it was told to', async () => {
    await anImage(world.db, { vmType: 'core11' });
    const caller = new AbortController();
    const query = `mutation { assignVm(input: {assignedTo: "gone", vmType: "core11", waitSeconds: 3000, cancelIfLate: true}) { __typename } }`;
    const request = fetch(world.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
      signal: caller.signal,
    });
    const status = async () => (await world.db.assignment.findFirst({ where: { assignedTo: 'gone' } }))?.status;
    await until('the order to be queued', async () => (await status()) === 'QUEUED');
    caller.abort();
    await expect(request).rejects.toThrow();
    await until('the order to be taken back', async () => (await status()) === 'ENDED');
  });

  test('cancelAssignment takes a request out of the queue, and refuses one that has its VM', async () => {
    await anImage(world.db, { vmType: 'reactos' });
    const { assignment } = (await mutate(
      'assignVm',
      { assignedTo: 'c', vmType: 'reactos' },
      'assignment { id }',
    )) as unknown as { assignment: { id: string } };
    for (const _twice of [1, 2]) {
      expect(await mutate('cancelAssignment', { id: assignment.id }, 'assignment { status reason }')).toMatchObject({
        assignment: { status: 'ENDED', reason: 'cancelled' },
      });
    }
    await aVm(world.db, { vmType: 'reactos' });
    const held = (await mutate(
      'assignVm',
      { assignedTo: 'h', vmType: 'reactos' },
      'assignment { id status }',
    )) as unknown as { assignment: { id: string; status: string } };
    expect(held.assignment.status).toBe('FULFILLED');
    expect(await mutate('cancelAssignment', { id: held.assignment.id })).toEqual(refusal('Conflict'));
  });

  test('callers that come at once get a VM each', async () => {
    for (let n = 0; n < 10; n++) await aVm(world.db, { vmType: '2k' });
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        ask(
          world,
          'mutation ($to: String!) { assignVm(input: {assignedTo: $to, vmType: "2k"}) { ... on AssignVmPayload { assignment { vm { instanceId } } } } }',
          { to: `${n}` },
        ),
      ),
    );
    const ids = results.map(({ data }) => data.assignVm.assignment.vm.instanceId);
    expect(new Set(ids).size).toBe(10);
  });
});
