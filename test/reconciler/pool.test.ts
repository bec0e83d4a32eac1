import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deleteGoldenImage, promoteGoldenImage, retireGoldenImage } from '../../src/actions/image/changeGoldenImage.js';
import { createGoldenImage } from '../../src/actions/image/createGoldenImage.js';
import { ensureHotSpares } from '../../src/actions/pool/ensureHotSpares.js';
import { setPool } from '../../src/actions/pool/setPool.js';
import { createVm } from '../../src/actions/vm/createVm.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import type { GoldenImage } from '../../src/db/images.js';
import type { Vm } from '../../src/db/vms.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
beforeEach(async () => {
  world = await createStepWorld();
});
afterEach(() => world.close());

const ok = <T>(result: T): Exclude<T, Error> => {
  if (result instanceof Error) throw result;
  return result as Exclude<T, Error>;
};
const count = (where: Parameters<StepWorld['db']['vm']['count']>[0]) => world.db.vm.count(where);
const ready = (n: number, more = {}) =>
  until(`${n} ready spares`, async () => (await count({ where: { status: 'READY', hotSpare: true, ...more } })) === n);
const allCleaned = () =>
  until(
    'nothing left over',
    async () =>
      (await world.provisioner.list()).length ===
      (await count({ where: { status: { in: ['BOOTING', 'READY', 'ASSIGNED'] } } })),
  );

describe('from an empty database', () => {
  test('a golden image is installed and sealed, spares follow, a claim is refilled and a release leaves nothing', async () => {
    world.reconcile();
    const image = ok(await createGoldenImage(world, { vmType: '11' }));
    await until(
      'the image is ready',
      async () => (await world.db.goldenImage.findUnique({ where: { id: image.id } }))?.status === 'READY',
    );
    await ready(2);

    const assignment = ok(await world.assignVm({ vmType: '11', assignedTo: 'job' }));
    expect(assignment.status).toBe('FULFILLED');
    await ready(2);
    const vmId = assignment.vmId as string;
    expect(ok(await releaseVm(world, { id: vmId }))).toMatchObject({ changed: true });
    expect(ok(await releaseVm(world, { id: vmId }))).toMatchObject({ changed: false });
    const gone = await until('it is destroyed', async () => {
      const vm = await world.db.vm.findUnique({ where: { id: vmId } });
      return vm?.status === 'DESTROYED' && vm;
    });
    expect(gone).toMatchObject({ endpoint: null, engineId: null });
    expect(gone.cleanedAt).not.toBeNull();
    expect(await world.db.assignment.findUnique({ where: { id: assignment.id } })).toMatchObject({
      status: 'ENDED',
      reason: 'released',
    });
    expect(await world.provisioner.inspect({ kind: 'vm', id: vmId })).toBeUndefined();
    const kinds = await world.kinds();
    expect(kinds.slice(0, 4).filter((kind) => kind !== 'GOLDEN_IMAGE_PROGRESS')[0]).toBe('GOLDEN_IMAGE_REQUESTED');
    expect((await world.db.event.findMany({ where: { vmId }, orderBy: { seq: 'asc' } })).map((e) => e.kind)).toEqual([
      'VM_REQUESTED',
      'VM_BOOTING',
      'VM_READY',
      'VM_ASSIGNED',
      'VM_RELEASING',
      'VM_DESTROYED',
    ]);
  });
});

describe('a pool', () => {
  test('grows to its target and not beyond, however often it is looked at', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 5 });
    const reconciler = world.reconcile();
    for (let n = 0; n < 20; n++) reconciler.poke();
    await ready(5);
    await ensureHotSpares(world, {});
    await ready(5);
    expect(await count({})).toBe(5);
  });

  test('shrinks when the target is lowered, and never lets an assigned VM go', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 4 });
    world.reconcile();
    await ready(4);
    const assignment = ok(await world.assignVm({ vmType: '11', assignedTo: 'job' }));
    await ready(4);
    ok(await setPool(world, { vmType: '11', hotSpares: 1 }));
    await ready(1);
    await allCleaned();
    expect(await world.db.vm.findUnique({ where: { id: assignment.vmId as string } })).toMatchObject({
      status: 'ASSIGNED',
    });
  });

  test('serves those who wait before it refills', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 0, maxVms: 3 });
    const assignments = await Promise.all(
      ['a', 'b', 'c', 'd'].map((assignedTo) => world.assignVm({ vmType: '11', assignedTo })),
    );
    world.reconcile();
    await until(
      'three are served',
      async () => (await world.db.assignment.count({ where: { status: 'FULFILLED' } })) === 3,
    );
    await until('the pool says what it lacks', async () => {
      const pool = await world.db.pool.findUniqueOrThrow({ where: { name: '11' } });
      return pool.blocked === 'its limit of 3 VMs is reached';
    });
    const served = await world.db.assignment.findFirstOrThrow({ where: { status: 'FULFILLED' } });
    await releaseVm(world, { id: served.vmId as string });
    await until(
      'the fourth is served',
      async () => (await world.db.assignment.count({ where: { status: 'QUEUED' } })) === 0,
    );
    expect(assignments).toHaveLength(4);
  });

  test('replaces a spare whose container ended, with the reason in words', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    world.reconcile();
    await ready(1);
    const victim = await world.db.vm.findFirstOrThrow({ where: { status: 'READY' } });
    world.provisioner.kill({ kind: 'vm', id: victim.id }, 137);
    await ready(1, { id: { not: victim.id } });
    await until(
      'the broken one is cleaned up',
      async () => (await world.db.vm.findUniqueOrThrow({ where: { id: victim.id } })).cleanedAt !== null,
    );
    expect(await world.db.vm.findUnique({ where: { id: victim.id } })).toMatchObject({
      status: 'FAILED',
      reason: 'its container ended: simulated exit code 137',
    });
  });

  test('rests after VMs that break before they are ready, says why, and goes on when asked', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    world.provisioner.failNext('boot');
    world.reconcile();
    const pool = await until('it rests', async () => {
      const row = await world.db.pool.findUniqueOrThrow({ where: { name: '11' } });
      return row.failures === 1 && row;
    });
    expect(pool.blocked).toContain('simulated exit code 1');
    expect(pool.retryAt?.getTime()).toBeGreaterThan(Date.now());
    ok(await ensureHotSpares(world, { vmType: '11' }));
    await ready(1);
    await until('it says that it goes on', async () => {
      const row = await world.db.pool.findUniqueOrThrow({ where: { name: '11' } });
      return row.failures === 0 && row.blocked === null;
    });
  });

  test.each([
    ['what setPool changes', () => setPool(world, { vmType: '11', hotSpares: 0 })],
    ['another golden image', async () => promoteGoldenImage(world, { id: (await anImage(world.db)).id })],
  ])('is tried anew after %s, without the text of what kept it from growing', async (_what, change) => {
    await anImage(world.db);
    const rest = { failures: 3, retryAt: new Date(Date.now() + 60_000), blocked: '3 VM(s) in a row broke' };
    await aPool(world.db, { hotSpares: 1, ...rest });
    const pool = () => world.db.pool.findUniqueOrThrow({ where: { name: '11' } });

    ok(await setPool(world, { vmType: '11', hotSpares: 1 }));
    expect(await pool()).toMatchObject(rest); // nothing was changed

    ok(await change());
    expect(await pool()).toMatchObject({ failures: 0, retryAt: null, blocked: null });
  });

  test('whose step fails rests longer each time, however often all is swept', async () => {
    await world.db.$executeRawUnsafe('CREATE SEQUENCE tries');
    await world.db.$executeRawUnsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'refused'; END $$`);
    await world.db.$executeRawUnsafe('CREATE TRIGGER refuse BEFORE INSERT ON "Vm" EXECUTE FUNCTION refuse()');
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    let sweeps = 0;
    world.deps.provisioner = { ...world.provisioner, tidy: async () => void sweeps++ };
    const reconciler = world.reconcile();

    await until('it was swept often', async () => {
      reconciler.poke();
      return sweeps >= 80;
    });
    const [{ tries } = { tries: 0 }] = await world.db.$queryRaw<{ tries: number }[]>`
      SELECT last_value::int AS "tries" FROM tries WHERE is_called`;
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThan(6); // in the first 30 s
  });

  test('an assigned VM that breaks ends its assignment with the reason', async () => {
    await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    world.reconcile();
    await ready(1);
    const { id, vmId } = ok(await world.assignVm({ vmType: '11', assignedTo: 'job' }));
    world.provisioner.kill({ kind: 'vm', id: vmId as string }, 1);
    const ended = await until('it ended', async () => {
      const row = await world.db.assignment.findUniqueOrThrow({ where: { id } });
      return row.status === 'ENDED' && row;
    });
    expect(ended.reason).toContain('the VM failed');
  });
});

describe('golden images', () => {
  test('spares of the image before are replaced by ready ones of the promoted image, without a gap', async () => {
    const first = await anImage(world.db);
    await aPool(world.db, { hotSpares: 3 });
    world.reconcile();
    await ready(3);
    const second: GoldenImage = await anImage(world.db);
    expect(ok(await promoteGoldenImage(world, { id: second.id }))).toMatchObject({ current: true });
    await ready(3, { goldenImageId: second.id });
    await until(
      'the old are gone',
      async () => (await count({ where: { goldenImageId: first.id, cleanedAt: null } })) === 0,
    );
    expect(await world.db.goldenImage.count({ where: { current: true } })).toBe(1);
  });

  test('one with living clones is not deleted; retired and without them it is', async () => {
    const image = await anImage(world.db);
    await aPool(world.db, { hotSpares: 1 });
    world.reconcile();
    await ready(1);
    const { vmId } = ok(await world.assignVm({ vmType: '11', assignedTo: 'job' }));
    await ready(1);
    ok(await retireGoldenImage(world, { id: image.id }));
    await until('the spares are gone', async () => (await count({ where: { hotSpare: true, cleanedAt: null } })) === 0);
    const refusal = await deleteGoldenImage(world, { id: image.id });
    expect(refusal).toHaveProperty('message', expect.stringContaining('1 living clone'));
    ok(await releaseVm(world, { id: vmId as string }));
    await until('no clone lives', async () => (await count({ where: { cleanedAt: null } })) === 0);
    ok(await deleteGoldenImage(world, { id: image.id }));
    await until(
      'it is cleaned up',
      async () => (await world.db.goldenImage.findUniqueOrThrow({ where: { id: image.id } })).cleanedAt !== null,
    );
  });

  test('an installation that breaks says why and leaves nothing; the next one gets the next version', async () => {
    world.provisioner.failNext('seal');
    world.reconcile();
    const broken = ok(await createGoldenImage(world, { vmType: '11' }));
    const row = await until('it failed and is cleaned up', async () => {
      const image = await world.db.goldenImage.findUniqueOrThrow({ where: { id: broken.id } });
      return image.cleanedAt !== null && image;
    });
    expect(row).toMatchObject({ status: 'FAILED', reason: 'simulated: the disk is not usable', endpoint: null });
    expect(await world.provisioner.list()).toEqual([]);
    expect(ok(await createGoldenImage(world, { vmType: '11' }))).toMatchObject({ version: 2 });
  });

  test('an installation can be called off', async () => {
    const image = ok(await createGoldenImage(world, { vmType: '11' }));
    ok(await deleteGoldenImage(world, { id: image.id }));
    world.reconcile();
    await until(
      'it is cleaned up',
      async () => (await world.db.goldenImage.findUniqueOrThrow({ where: { id: image.id } })).cleanedAt !== null,
    );
  });
});

describe('what has no row', () => {
  test('a machine of ours without a row is removed, one with a row is not', async () => {
    await anImage(world.db);
    const spec = {
      goldenImageId: randomUUID(),
      vmType: '11',
      containerImage: 'x',
      language: 'en',
      cpuCores: 1,
      ramMiB: 512,
      diskGiB: 1,
      endpoint: '1',
      token: '',
    };
    const orphan = randomUUID();
    await world.provisioner.clone({ ...spec, id: orphan });
    const kept: Vm = await aVm(world.db, { hotSpare: false });
    await world.provisioner.clone({ ...spec, id: kept.id });
    world.reconcile();
    await until(
      'the orphan is gone',
      async () => (await world.provisioner.inspect({ kind: 'vm', id: orphan })) === undefined,
    );
    expect(await world.provisioner.inspect({ kind: 'vm', id: kept.id })).toMatchObject({ state: 'running' });
  });

  test('a row whose container vanished is marked so', async () => {
    const vm = await aVm(world.db, { hotSpare: false });
    world.reconcile();
    await until(
      'it is marked',
      async () => (await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status === 'FAILED',
    );
    expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({ reason: 'its container vanished' });
  });
});

test('a VM that is made by hand is nobody else’s', async () => {
  await anImage(world.db);
  world.reconcile();
  const vm = ok(await createVm(world, { vmType: 'win11' }));
  await until(
    'it is ready',
    async () => (await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status === 'READY',
  );
  const assignment = ok(await world.assignVm({ vmType: '11', assignedTo: 'job' }));
  await until('the job got another', async () => {
    const row = await world.db.assignment.findUniqueOrThrow({ where: { id: assignment.id } });
    return row.vmId !== null && row.vmId !== vm.id;
  });
});

test('a lease that runs out releases the VM', async () => {
  await aVm(world.db);
  const { vmId } = ok(await world.assignVm({ vmType: '11', assignedTo: 'job', leaseSeconds: 1 }));
  await world.db.assignment.updateMany({ data: { leaseExpiresAt: new Date(0) } });
  world.reconcile();
  await until('it is over', async () => (await world.db.assignment.count({ where: { status: 'ENDED' } })) === 1);
  const events = await world.db.event.findMany({ where: { vmId } });
  // Its container never existed, so either word is true; what counts is that the assignment has ended.
  expect(events.some((event) => event.kind === 'VM_RELEASING' || event.kind === 'VM_FAILED')).toBe(true);
});

test('a start that is cut off is carried on by the next server', async () => {
  await anImage(world.db);
  await aPool(world.db, { hotSpares: 3 });
  const first = world.reconcile();
  await until('VMs are asked for', async () => (await count({})) === 3);
  await first.stop();
  world.reconcile();
  await ready(3);
  expect(await count({})).toBe(3);
});
