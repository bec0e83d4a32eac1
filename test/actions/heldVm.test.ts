import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heldVm } from '../../src/actions/vm/heldVm.js';
import { Conflict, NotFound } from '../../src/domain/errors.js';
import { VM_STATUSES } from '../../src/domain/vm.js';
import { aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

let world: StepWorld;
beforeAll(async () => {
  world = await createStepWorld();
});
afterAll(() => world.close());

test('a caller may work in a VM that was handed out, or in one outside the pool that is ready, and in no other', async () => {
  const held: string[] = [];
  for (const status of VM_STATUSES) {
    for (const hotSpare of status === 'ASSIGNED' ? [false] : [true, false]) {
      const { id } = await aVm(world.db, { status, hotSpare });
      const answer = await heldVm(world.db, id);
      if (answer instanceof Error) expect(answer).toBeInstanceOf(Conflict);
      else held.push(`${answer.status} ${hotSpare ? 'spare' : 'own'}`);
    }
  }
  expect(held).toEqual(['READY own', 'ASSIGNED own']);
});

test('with assignedTo it must be in just these hands', async () => {
  const assigned = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' });
  const own = await aVm(world.db, { status: 'READY', hotSpare: false });

  expect(await heldVm(world.db, assigned.id, 'alice')).toMatchObject({ id: assigned.id });
  expect(await heldVm(world.db, assigned.id)).toMatchObject({ id: assigned.id });
  const refused = await heldVm(world.db, assigned.id, 'bob');
  expect(refused).toBeInstanceOf(Conflict);
  expect(String(refused)).not.toContain('alice'); // whose it is, is nobody else's business
  expect(await heldVm(world.db, own.id, 'alice')).toBeInstanceOf(Conflict);
});

test('what is no VM is said to be none', async () => {
  expect(await heldVm(world.db, randomUUID())).toBeInstanceOf(NotFound);
});
