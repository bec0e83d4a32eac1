import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ActionContext } from '../../src/actions/context.js';
import { setPool } from '../../src/actions/pool/setPool.js';
import { lastSeq } from '../../src/db/events.js';
import { Conflict, type Refusal } from '../../src/domain/errors.js';
import { LIMITS } from '../../src/domain/limits.js';
import { aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

let world: StepWorld;
beforeAll(async () => {
  world = await createStepWorld();
});
afterAll(() => world.close());

test('unique computer names are off until they are asked for, and stay as they are when they are not named', async () => {
  expect(await setPool(world, { vmType: '11' })).toMatchObject({ uniqueComputerNames: false });
  expect(await setPool(world, { vmType: '11', uniqueComputerNames: true })).toMatchObject({
    uniqueComputerNames: true,
  });
  expect(await setPool(world, { vmType: '11', maxVms: 7 })).toMatchObject({ uniqueComputerNames: true });
  expect(await setPool(world, { vmType: '11', uniqueComputerNames: false })).toMatchObject({
    uniqueComputerNames: false,
    maxVms: 7,
  });
});

test('a pool is as large as there are endpoints for its VMs; where none are needed it is bounded all the same', async () => {
  const most = (allotment: ActionContext['allotment'], maxVms: number) =>
    setPool({ ...world, allotment }, { vmType: '8', maxVms });
  const { allotment } = world;
  expect(await most(allotment, 100)).toMatchObject({ maxVms: 100 });
  expect(await most(allotment, 101)).toMatchObject({ field: 'maxVms', fix: expect.stringContaining('PORT_START') });
  expect(await most(undefined, LIMITS.poolVms.value)).toMatchObject({ maxVms: LIMITS.poolVms.value });
  expect(await most(undefined, LIMITS.poolVms.value + 1)).toMatchObject({ field: 'maxVms' });
});

test('spares that are ready when unique names are asked for are replaced; what was handed out stays', async () => {
  await setPool(world, { vmType: '10' });
  const spare = await aVm(world.db, { vmType: '10' });
  const held = await aVm(world.db, { vmType: '10', status: 'ASSIGNED' });
  const booting = await aVm(world.db, { vmType: '10', status: 'BOOTING' });

  await setPool(world, { vmType: '10', uniqueComputerNames: true });
  const later = await aVm(world.db, { vmType: '10' });
  await setPool(world, { vmType: '10', uniqueComputerNames: true });

  const statusOf = async ({ id }: { id: string }) => (await world.db.vm.findUniqueOrThrow({ where: { id } })).status;
  expect(await Promise.all([spare, held, booting, later].map(statusOf))).toEqual([
    'RELEASING',
    'ASSIGNED',
    'BOOTING',
    'READY',
  ]);
});

test('a transaction that answers a refusal, or throws, changes nothing and tells nothing', async () => {
  const before = await lastSeq(world.db);
  const make = (end: () => Refusal) =>
    world.write(async (tx, tell) => {
      await tx.imageLine.create({ data: { name: 'never', vmType: '11' } });
      tell({ kind: 'POOL_CHANGED', vmType: '11' });
      return end();
    });
  const refusal = new Conflict('it is so', 'Let it be.');

  expect(await make(() => refusal)).toBe(refusal);
  await expect(
    make(() => {
      throw new Error('a fault');
    }),
  ).rejects.toThrow('a fault');
  expect(await world.db.imageLine.count({ where: { name: 'never' } })).toBe(0);
  expect(await lastSeq(world.db)).toBe(before);
});
