import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { reconcileLeases } from '../../src/reconciler/leases.js';
import { reconcileVm } from '../../src/reconciler/vm.js';
import { anImage, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

const HOUR = 3_600_000;

let world: StepWorld;
beforeEach(async () => {
  world = await createStepWorld();
});
afterEach(async () => {
  vi.useRealTimers();
  await world.close();
});

/** This machine's clock, off by so much; timers go on. */
function setClockOff(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

const times = () =>
  world.db.$queryRaw<{ now: Date; vm: Date; lease: Date | null }[]>`
    SELECT clock_timestamp() AS "now", v."changedAt" AS "vm", a."leaseExpiresAt" AS "lease"
    FROM "Vm" v LEFT JOIN "Assignment" a ON a."vmId" = v."id"`;

describe.each([
  ['an hour ahead of', HOUR],
  ['an hour behind', -HOUR],
])('where the clock of the server is %s that of the database', (_where, offMs) => {
  test('a lease ends when its time is over, and not before', async () => {
    const image = await anImage(world.db, { status: 'READY', current: true });
    const vm = await aVm(world.db, { status: 'READY', goldenImageId: image.id });
    setClockOff(offMs);
    const assigned = await world.assignVm({ vmType: image.vmType, assignedTo: 'ci', leaseSeconds: 600 });
    expect(assigned).toMatchObject({ status: 'FULFILLED', vmId: vm.id });

    await reconcileLeases(world.deps);
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('ASSIGNED');

    await world.db.$executeRaw`UPDATE "Assignment" SET "leaseExpiresAt" = now() - interval '1 second'`;
    await reconcileLeases(world.deps);
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('RELEASING');
  });

  test('what is written is the time of the database', async () => {
    const vm = await aVm(world.db, { status: 'REQUESTED' });
    setClockOff(offMs);
    await reconcileVm(world.deps, vm.id);
    const [row] = await times();
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toMatch(/BOOTING|READY/);
    expect(Math.abs(Number(row?.now) - Number(row?.vm))).toBeLessThan(5_000);
  });
});

test('the time is measured, so that it is within a second of what the database says', async () => {
  const end = await world.db.clock.follow(world.db);
  const [row] = await world.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS "now"`;
  expect(Math.abs(world.db.clock.now().getTime() - Number(row?.now))).toBeLessThan(1_000);
  end();
});
