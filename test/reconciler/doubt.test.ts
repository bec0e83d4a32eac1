import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGoldenImage } from '../../src/actions/image/createGoldenImage.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { Unavailable } from '../../src/domain/errors.js';
import { reconcileImage } from '../../src/reconciler/image.js';
import { reconcileVm } from '../../src/reconciler/vm.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
beforeEach(async () => {
  world = await createStepWorld();
});
afterEach(() => world.close());

const WAITS = 'the engine makes it wait: simulated: no host has room for it';
const LOST = 'the engine has lost it, and it may still run: simulated: its host does not answer';

const vm = (id: string) => world.db.vm.findUniqueOrThrow({ where: { id } });
/** One look at the VM, or at the image, in an hour: all limits of time are over. */
const inAnHour = () => ({ ...world.deps, now: () => new Date(Date.now() + 3_600_000) });
const look = (id: string) => reconcileVm(inAnHour(), id);
const befall = (id: string, misfortune: 'waiting' | 'lost', on: boolean) =>
  world.provisioner.befall({ kind: 'vm', id }, misfortune, on);
const ready = (not = '') =>
  until('a spare is ready', async () => {
    const found = await world.db.vm.findFirst({ where: { status: 'READY', ...(not && { id: { not } }) } });
    return found ?? undefined;
  });
/** A spare that the reconciler of nobody looks at. */
async function aReadyVm() {
  const { id } = await aVm(world.db, { status: 'REQUESTED' });
  await reconcileVm(world.deps, id);
  await ready();
  return id;
}
const told = async (vmId: string) =>
  (await world.db.event.findMany({ where: { vmId, kind: 'VM_NOT_READY' } })).map(({ reason }) => reason);

describe('a machine that the engine makes wait', () => {
  test('has not failed, however long it takes and often it is asked: it says why, once, and starts in its time', async () => {
    const { id } = await aVm(world.db, { status: 'REQUESTED' });
    world.provisioner.failNext('wait');

    for (let n = 0; n < 3; n++) expect(await look(id)).toBe('refused');
    expect(await vm(id)).toMatchObject({ status: 'REQUESTED', notReady: WAITS });
    expect(await told(id)).toEqual([WAITS]);
    expect(await world.db.pool.findFirst()).toMatchObject({ blocked: WAITS, failures: 0 });

    befall(id, 'waiting', false);
    await look(id);
    expect(await ready()).toMatchObject({ id, notReady: null });
    expect(await world.kinds()).not.toContain('VM_FAILED');
  });

  test('is none that a pool makes another one for, and the pool is well when it runs', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    world.provisioner.failNext('wait');
    const reconciler = world.reconcile();
    await until('the pool says why', async () => (await world.db.pool.findFirst())?.blocked === WAITS);
    reconciler.poke();
    const [waiting, ...others] = await world.db.vm.findMany();
    expect(others).toEqual([]);

    befall(waiting?.id ?? '', 'waiting', false);

    expect((await ready()).id).toBe(waiting?.id);
    await until('the pool is well', async () => (await world.db.pool.findFirst())?.blocked === null);
  });

  test('as a spare that was ready is not to be handed out, and is ready again when it was started anew', async () => {
    const id = await aReadyVm();
    befall(id, 'waiting', true);
    await look(id);
    expect(await vm(id)).toMatchObject({ status: 'REQUESTED', notReady: WAITS });
    await look(id);
    befall(id, 'waiting', false);
    await look(id);
    expect((await ready()).id).toBe(id);
    expect(await told(id)).toEqual([WAITS]);
  });

  test('in the hands of somebody stays theirs: they are told, and told when it is back', async () => {
    const id = await aReadyVm();
    await world.assignVm({ vmType: '11', assignedTo: 'job' });
    befall(id, 'waiting', true);
    for (let n = 0; n < 2; n++) await look(id);
    expect(await vm(id)).toMatchObject({ status: 'ASSIGNED', notReady: WAITS });
    befall(id, 'waiting', false);
    await look(id);
    expect(await vm(id)).toMatchObject({ status: 'ASSIGNED', notReady: null });
    expect(await told(id)).toEqual([WAITS]);
  });

  test('for an installation has not failed either, before it ran and after: the image says why', async () => {
    world.provisioner.failNext('wait');
    const image = await createGoldenImage(world, { vmType: '11' });
    if (image instanceof Error) throw image;
    const { id } = image;
    const row = () => world.db.goldenImage.findUniqueOrThrow({ where: { id } });
    const waits = { status: 'REQUESTED', message: `waiting: ${WAITS}` };
    for (let n = 0; n < 2; n++) expect(await reconcileImage(inAnHour(), id)).toBe('refused');
    expect(await row()).toMatchObject(waits);

    const befallImage = (on: boolean) => world.provisioner.befall({ kind: 'golden', id }, 'waiting', on);
    befallImage(false);
    befallImage(true);
    await world.db.goldenImage.update({ where: { id }, data: { status: 'INSTALLING', message: null } });
    await reconcileImage(inAnHour(), id);
    expect(await row()).toMatchObject(waits);

    befallImage(false);
    await reconcileImage(world.deps, id);
    await until('it is installed', async () => (await row()).status === 'SEALING');
  });
});

describe('a machine that is lost', () => {
  test('has failed and is replaced; what it had is nobody’s until the engine knows that it is gone', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    world.reconcile();
    const { id, endpoint } = await ready();
    befall(id, 'lost', true);

    const other = await ready(id);
    expect(await vm(id)).toMatchObject({ status: 'FAILED', reason: LOST, cleanedAt: null, endpoint });
    expect(other.endpoint).not.toBe(endpoint);
    for (let n = 0; n < 2; n++) await expect(look(id)).rejects.toThrow(Unavailable);
    expect(await vm(id)).toMatchObject({ cleanedAt: null, endpoint });
    expect(await world.kinds()).not.toContain('VM_CLEANED');

    befall(id, 'lost', false);
    await until('it is cleaned up', async () => (await vm(id)).cleanedAt !== null);
    expect(await vm(id)).toMatchObject({ status: 'FAILED', endpoint: null, engineId: null });
    expect(await world.provisioner.inspect({ kind: 'vm', id })).toBeUndefined();
  });

  test('while it is released says why, once, and is destroyed only when that is sure', async () => {
    const id = await aReadyVm();
    await releaseVm(world.deps, { id });
    befall(id, 'lost', true);
    await look(id);
    for (let n = 0; n < 2; n++) await expect(look(id)).rejects.toThrow(Unavailable);
    expect(await vm(id)).toMatchObject({ status: 'RELEASING', notReady: LOST, cleanedAt: null });
    expect(await told(id)).toEqual([LOST]);

    befall(id, 'lost', false);
    await look(id);
    expect(await vm(id)).toMatchObject({ status: 'DESTROYED' });
  });

  test('before it ran is not started a second time', async () => {
    const { id } = await aVm(world.db, { status: 'REQUESTED' });
    world.provisioner.failNext('wait');
    await look(id);
    befall(id, 'lost', true);
    await look(id);
    expect(await vm(id)).toMatchObject({ status: 'FAILED', reason: LOST });
  });
});

test('a VM of an engine that has no endpoints to give is made and handed out all the same', async () => {
  await world.close();
  world = await createStepWorld({}, { endpoints: false });
  const id = await aReadyVm();

  expect(await world.assignVm({ vmType: '11', assignedTo: 'job' })).toMatchObject({ status: 'FULFILLED', vmId: id });
  expect(await vm(id)).toMatchObject({ status: 'ASSIGNED', endpoint: null });
});
