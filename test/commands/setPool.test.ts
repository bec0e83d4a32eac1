import { afterAll, beforeAll, expect, test } from 'vitest';
import { setPool } from '../../src/commands/setPool.js';
import { createWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test('unique computer names are off until they are asked for, and stay as they are when they are not named', async () => {
  expect(await setPool(world.commands, { vmType: '11' })).toMatchObject({ uniqueComputerNames: false });
  expect(await setPool(world.commands, { vmType: '11', uniqueComputerNames: true })).toMatchObject({
    uniqueComputerNames: true,
  });
  expect(await setPool(world.commands, { vmType: '11', maxVms: 7 })).toMatchObject({ uniqueComputerNames: true });
  expect(await setPool(world.commands, { vmType: '11', uniqueComputerNames: false })).toMatchObject({
    uniqueComputerNames: false,
    maxVms: 7,
  });
});
