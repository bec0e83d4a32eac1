import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { handOut } from '../../src/actions/assignment/handOut.js';
import type { Order } from '../../src/actions/assignment/orders.js';
import type { ActionContext } from '../../src/actions/context.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => world.empty());
afterAll(() => world.close());

/** A caller whose VM becomes ready after the request was queued and before anything else is looked at. */
async function lateFulfilment(order: Partial<Order>, whoThen: 'stays' | 'goes away') {
  const caller = new AbortController();
  const vm = await aVm(world.db, { status: 'BOOTING' });
  const context: ActionContext = {
    ...world,
    gone: caller.signal,
    placeOrder: async (given, by) => {
      const queued = await world.placeOrder(given, by);
      if (whoThen === 'goes away') caller.abort();
      await reportVmReady(world, vm.id);
      return queued;
    },
  };
  const answer = await handOut(context, { vmType: '11', assignedTo: 'x', ...order }, 0);
  const { status } = await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } });
  return { vm, answer, status };
}

test('a VM that came in the moment in which the wait ended is handed out', async () => {
  const { vm, answer, status } = await lateFulfilment({}, 'stays');

  expect(answer).toMatchObject({ id: vm.id, endpoint: vm.endpoint });
  expect(status).toBe('ASSIGNED');
});

test('for a caller who has gone it is released', async () => {
  const { answer, status } = await lateFulfilment({}, 'goes away');

  expect(answer).toMatchObject({ code: 'NO_VM_IN_TIME' });
  expect(status).toBe('RELEASING');
  expect(await world.db.assignment.findFirst()).toMatchObject({ status: 'ENDED' });
});

test('for one who has gone but can come back with the same key it is kept', async () => {
  const { vm, status } = await lateFulfilment({ idempotencyKey: 'job-1' }, 'goes away');

  expect(status).toBe('ASSIGNED');
  expect(await handOut(world, { vmType: '11', assignedTo: 'x', idempotencyKey: 'job-1' }, 0)).toMatchObject({
    id: vm.id,
  });
});
