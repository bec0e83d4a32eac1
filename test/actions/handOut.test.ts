import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { handOut } from '../../src/actions/assignment/handOut.js';
import type { Order } from '../../src/actions/assignment/orders.js';
import type { ActionContext } from '../../src/actions/context.js';
import { getVm } from '../../src/db/vms.js';
import { Unavailable } from '../../src/domain/errors.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';
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
    placeOrder: Object.assign(
      async (...given: Parameters<ActionContext['placeOrder']>) => {
        const queued = await world.placeOrder(...given);
        if (whoThen === 'goes away') caller.abort();
        await reportVmReady(world, vm.id);
        return queued;
      },
      { takeBack: world.placeOrder.takeBack },
    ),
  };
  const answer = await handOut(context, { vmType: '11', assignedTo: 'x', ...order }, 0);
  const { status } = await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } });
  return { vm, answer, status };
}

test('a VM that came in the moment in which the wait ended is handed out', async () => {
  const { vm, answer, status } = await lateFulfilment({}, 'stays');

  expect(answer).toMatchObject({ vm: { id: vm.id, endpoint: vm.endpoint } });
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
    vm: { id: vm.id },
  });
});

describe('a claim that is committed, and a database that has more to do than it can', () => {
  const busy = () =>
    Promise.reject(new Unavailable('database', 'the database has more to do than it can', 'Try again.'));

  test('is handed out when its turn comes, however late', async () => {
    const vm = await aVm(world.db);
    let reads = 0;
    const context: ActionContext = { ...world, read: (query) => (++reads < 4 ? busy() : world.read(query)) };

    expect(await handOut(context, { vmType: '11', assignedTo: 'x' }, 0)).toMatchObject({ vm: { id: vm.id } });
    expect(reads).toBe(4);
  });

  test('is taken back when its caller goes away meanwhile, or is told an error', async () => {
    const { id } = await aVm(world.db);
    const caller = new AbortController();
    const read: ActionContext['read'] = () => {
      caller.abort();
      return busy();
    };

    await expect(
      handOut({ ...world, gone: caller.signal, read }, { vmType: '11', assignedTo: 'x' }, 0),
    ).rejects.toThrow(/more to do/);
    await until('nobody holds it', async () => (await getVm(world.db, id))?.status === 'RELEASING');
  });
});
