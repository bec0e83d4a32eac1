import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Order } from '../../src/actions/assignment/orders.js';
import { createGoldenImage } from '../../src/actions/image/createGoldenImage.js';
import { deletePool } from '../../src/actions/pool/deletePool.js';
import { ensureHotSpares } from '../../src/actions/pool/ensureHotSpares.js';
import { setPool } from '../../src/actions/pool/setPool.js';
import { createVm } from '../../src/actions/vm/createVm.js';
import { InvalidInput, NoGoldenImage, NotFound } from '../../src/domain/errors.js';
import { aLine, anImage, aPool } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

let world: StepWorld;
beforeAll(async () => {
  world = await createStepWorld();
  await anImage(world.db);
  const { id: lineId } = await aLine(world.db, { name: 'ten', vmType: '10' });
  await aPool(world.db, { name: 'tens', vmType: '10', lineId });
});
afterAll(() => world.close());
const assign = (order: Omit<Order, 'assignedTo'>) => world.assignVm({ assignedTo: 'job', ...order });

// Each changes nothing.
afterEach(async () => {
  expect([await world.db.pool.count(), await world.db.imageLine.count()]).toEqual([2, 2]);
  expect([await world.db.event.count(), await world.db.vm.count()]).toEqual([0, 0]);
});

test.each(['', 'Desks', '-desks', '.desks', 'two words', 'ä', 'x'.repeat(64), 'a/b', 'a\n'])(
  'the name %j is refused',
  async (name) => {
    const refused = { code: 'INVALID_INPUT', field: 'pool', value: name };
    expect(await assign({ pool: name })).toMatchObject(refused);
    expect(await createVm(world, { pool: name })).toMatchObject(refused);
    expect(await setPool(world, { pool: name })).toMatchObject(refused);
    expect(await deletePool(world, { pool: name })).toMatchObject(refused);
    expect(await createGoldenImage(world, { line: name })).toMatchObject({ ...refused, field: 'line' });
  },
);

test('a vmType that is not that of the pool or the line is refused', async () => {
  const other = { code: 'INVALID_INPUT', field: 'vmType', value: '11' };
  expect(await assign({ pool: 'tens', vmType: '11' })).toMatchObject(other);
  expect(await createVm(world, { pool: 'tens', vmType: 'win11' })).toMatchObject(other);
  expect(await setPool(world, { pool: 'tens', vmType: '11', hotSpares: 1 })).toMatchObject(other);
  expect(await ensureHotSpares(world, { pool: 'tens', vmType: '11' })).toMatchObject(other);
  const line = { code: 'INVALID_INPUT', field: 'line' };
  expect(await createGoldenImage(world, { line: 'ten', vmType: '11' })).toMatchObject({ ...line, value: 'ten' });
  expect(await setPool(world, { pool: 'tens', line: '2022' })).toMatchObject({ ...line, value: '2022' });
  expect(await setPool(world, { pool: 'new', line: 'ten', vmType: '11' })).toMatchObject(line);
});

test('the name of a vmType is refused for what is of another', async () => {
  expect(await setPool(world, { pool: '2022', line: 'ten' })).toMatchObject({ field: 'pool', value: '2022' });
  expect(await createGoldenImage(world, { line: '2022', vmType: '11' })).toMatchObject({ field: 'line' });
});

test('a pool or a line that is not there is said to be not there', async () => {
  expect(await assign({ pool: 'nobody' })).toBeInstanceOf(NotFound);
  expect(await createVm(world, { pool: 'nobody' })).toBeInstanceOf(NotFound);
  expect(await ensureHotSpares(world, { pool: 'nobody' })).toBeInstanceOf(NotFound);
  expect(await deletePool(world, { pool: 'nobody' })).toBeInstanceOf(NotFound);
  expect(await setPool(world, { pool: 'new', line: 'nothing' })).toMatchObject({ what: 'image line' });
  expect(await assign({ vmType: '2022' })).toBeInstanceOf(NoGoldenImage);
});

test('a pool that would be new is not made when its sizes are refused', async () => {
  expect(await setPool(world, { pool: 'new', hotSpares: 3, maxVms: 2 })).toBeInstanceOf(InvalidInput);
  expect(await setPool(world, { pool: 'new', ramMiB: 1024 })).toBeInstanceOf(InvalidInput);
});

test('a pool without a golden image says of which line', async () => {
  expect(await assign({ pool: 'tens' })).toMatchObject({ code: 'NO_GOLDEN_IMAGE', vmType: '10', line: 'ten' });
  expect(await createVm(world, { pool: 'tens' })).toMatchObject({ fix: expect.stringContaining('line: "ten"') });
});
