import { afterAll, beforeAll, expect, test } from 'vitest';
import { setPool } from '../../src/actions/pool/setPool.js';
import { aLine, anImage, aPool, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { errorOf, REFUSAL, read } from './support/ask.js';
import { socketClient } from './support/clients.js';

let world: World;
/** Of the line `studio`, and its pool `desks`; beside them the default line and pool of the same vmType. */
let rows: { image: { id: string }; desk: { id: string }; plain: { id: string } };
beforeAll(async () => {
  world = await startWorld();
  const { id: lineId } = await aLine(world.db, { name: 'studio' });
  const image = await anImage(world.db, { lineId });
  const { id: poolId } = await aPool(world.db, { name: 'desks', lineId });
  rows = { image, desk: await aVm(world.db, { poolId }), plain: await aVm(world.db) };
});
afterAll(() => world.close());

const nodeId = (type: string, name: string) => Buffer.from(`${type}:${name}`).toString('base64');

test('a pool and a line are read by name and lead to each other, to images and to VMs', async () => {
  const { pool, imageLine, imageLines, nodes } = await read(
    world,
    `query ($ids: [ID!]!) {
      pool(name: "desks") { id name vmType line { name current { imageId } } counts { readySpares } }
      imageLine(name: "studio") { id name vmType pools { name } versions { nodes { imageId version line { name } } } }
      imageLines { name vmType pools { name } }
      nodes(ids: $ids) { id ... on Pool { name } ... on ImageLine { name } } }`,
    { ids: [nodeId('Pool', '11'), nodeId('Pool', 'desks'), nodeId('ImageLine', 'studio')] },
  );
  expect(pool).toEqual({
    id: nodeId('Pool', 'desks'),
    name: 'desks',
    vmType: '11',
    line: { name: 'studio', current: { imageId: rows.image.id } },
    counts: { readySpares: 1 },
  });
  expect(imageLine).toEqual({
    id: nodeId('ImageLine', 'studio'),
    name: 'studio',
    vmType: '11',
    pools: [{ name: 'desks' }],
    versions: { nodes: [{ imageId: rows.image.id, version: 1, line: { name: 'studio' } }] },
  });
  expect(imageLines).toEqual([
    { name: '11', vmType: '11', pools: [{ name: '11' }] },
    { name: 'studio', vmType: '11', pools: [{ name: 'desks' }] },
  ]);
  expect(nodes.map(({ name }: { name: string }) => name)).toEqual(['11', 'desks', 'studio']);
});

test('a vmType alone is its default pool; a name must fit a vmType that is given', async () => {
  const { one, two, three, none } = await read(
    world,
    `{ one: pool(vmType: "win11") { name } two: pool { name } three: pool(name: "desks", vmType: "11") { name }
       none: pool(name: "desks", vmType: "10") { name } }`,
  );
  expect([one.name, two.name, three.name, none]).toEqual(['11', '11', 'desks', null]);
});

test('lists are filtered by pool and line', async () => {
  const { vms, goldenImages, assigned } = await read(
    world,
    `mutation { assigned: assignVm(input: {assignedTo: "me", pool: "desks"}) {
        ... on AssignVmPayload { assignment { assignmentId vm { instanceId pool { name } } } } } }`,
  ).then(async ({ assigned }) => ({
    assigned,
    ...(await read(
      world,
      '{ vms(pool: "desks") { nodes { instanceId pool { name } } } goldenImages(line: "studio") { nodes { imageId } } }',
    )),
  }));
  expect(vms.nodes).toEqual([{ instanceId: rows.desk.id, pool: { name: 'desks' } }]);
  expect(goldenImages.nodes).toEqual([{ imageId: rows.image.id }]);
  const { assignmentId, vm } = assigned.assignment;
  expect(vm).toEqual({ instanceId: rows.desk.id, pool: { name: 'desks' } });

  const { assignments, events, others } = await read(
    world,
    `{ assignments(pool: "desks") { nodes { assignmentId pool { name } } }
       events(pool: "desks") { nodes { kind vmId pool { name } } } others: events(pool: "11") { nodes { kind } } }`,
  );
  expect(assignments.nodes).toEqual([{ assignmentId, pool: { name: 'desks' } }]);
  expect(events.nodes).toEqual([{ kind: 'VM_ASSIGNED', vmId: rows.desk.id, pool: { name: 'desks' } }]);
  expect(others.nodes).toEqual([]);
});

test.each([
  ['vms(pool: "nobody") { nodes { id } }', { code: 'NOT_FOUND' }],
  ['assignments(pool: "nobody") { nodes { id } }', { code: 'NOT_FOUND' }],
  ['events(pool: "nobody") { nodes { kind } }', { code: 'NOT_FOUND' }],
  ['goldenImages(line: "nothing") { nodes { id } }', { code: 'NOT_FOUND' }],
  ['vms(pool: "No Name") { nodes { id } }', { code: 'BAD_USER_INPUT', field: 'pool' }],
  ['vms(pool: "desks", vmType: "10") { nodes { id } }', { code: 'BAD_USER_INPUT', field: 'vmType' }],
  ['imageLine(name: "No Name") { name }', { code: 'BAD_USER_INPUT', field: 'name' }],
])('a name that nothing has, or could have, is said so: %s', async (field, extensions) => {
  expect((await errorOf(world, `{ ${field} }`)).extensions).toMatchObject(extensions);
});

test('pools are made, changed and deleted by name, and refusals say what is wrong', async () => {
  const mutate = (name: string, input: string, payload: string) =>
    read(world, `mutation { ${name}(input: ${input}) { ${REFUSAL} ${payload} } }`).then((data) => data[name]);
  const set = '... on SetPoolPayload { pool { name hotSpares line { name } } }';
  expect(await mutate('setPool', '{pool: "new", line: "studio", hotSpares: 0}', set)).toMatchObject({
    pool: { name: 'new', hotSpares: 0, line: { name: 'studio' } },
  });
  expect(await mutate('setPool', '{pool: "new", line: "11", maxVms: 3}', set)).toMatchObject({
    pool: { line: { name: '11' } },
  });
  expect(await mutate('createVm', '{pool: "new", vmType: "10"}', '')).toMatchObject({
    __typename: 'InvalidInput',
    field: 'vmType',
  });
  expect(await mutate('ensureHotSpares', '{pool: "new"}', '... on EnsureHotSparesPayload { pools { name } }')).toEqual({
    __typename: 'EnsureHotSparesPayload',
    pools: [{ name: 'new' }],
  });
  expect(await mutate('deletePool', '{pool: "desks"}', '')).toMatchObject({ __typename: 'Conflict' });
  expect(await mutate('deletePool', '{pool: "new"}', '... on DeletePoolPayload { name }')).toMatchObject({
    name: 'new',
  });
  expect(await mutate('deletePool', '{pool: "new"}', '')).toMatchObject({ __typename: 'NotFound' });
  expect(
    await mutate(
      'createGoldenImage',
      '{line: "studio"}',
      '... on CreateGoldenImagePayload { goldenImage { version } }',
    ),
  ).toMatchObject({ goldenImage: { version: 2 } });
});

test('whoever follows a pool by name is told of that one, and of its golden images, but not of others of the vmType', async () => {
  const client = socketClient(world);
  const updates = client.subscribe(
    'subscription { poolUpdated(name: "desks") { name maxVms currentGoldenImage { imageId } } }',
  );
  const events = client.subscribe('subscription { vmEvents(pool: "desks") { kind pool { name } } }');
  expect((await updates.next()).data.poolUpdated).toMatchObject({ name: 'desks', maxVms: 100 });
  await setPool(world, { pool: '11', maxVms: 50 });
  await setPool(world, { pool: 'desks', maxVms: 60 });
  expect((await updates.next()).data.poolUpdated).toMatchObject({ name: 'desks', maxVms: 60 });
  expect((await events.next()).data.vmEvents).toEqual({ kind: 'POOL_CHANGED', pool: { name: 'desks' } });

  await world.write(async (_tx, tell) =>
    tell({ kind: 'GOLDEN_IMAGE_PROMOTED', vmType: '11', goldenImageId: rows.image.id }),
  );
  expect((await updates.next()).data.poolUpdated.currentGoldenImage).toEqual({ imageId: rows.image.id });
  await client.close();
});
