import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createVm } from '../../src/actions/vm/createVm.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { damagedImages } from '../../src/db/damagedImages.js';
import type { GoldenImage } from '../../src/db/images.js';
import type { Reconciler } from '../../src/reconciler/reconciler.js';
import { anImage, aPool } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

const MISSING = 'simulated: the golden image is missing';

let world: StepWorld;
let image: GoldenImage;
let reconciler: Reconciler;
beforeEach(async () => {
  world = await createStepWorld();
  image = await anImage(world.db);
  await aPool(world.db, { hotSpares: 2 });
});
afterEach(() => world.close());

const imageNow = () => world.db.goldenImage.findUniqueOrThrow({ where: { id: image.id } });
const poolNow = () => world.db.pool.findUniqueOrThrow({ where: { name: '11' } });
const sweptUntil = (what: string, ask: () => Promise<boolean>) =>
  until(what, () => {
    reconciler.poke();
    return ask();
  });
const ready = (count: number) =>
  sweptUntil(`${count} are ready`, async () => (await world.db.vm.count({ where: { status: 'READY' } })) === count);
const told = async () =>
  (
    await world.db.event.findMany({
      where: { kind: { in: ['GOLDEN_IMAGE_DAMAGED', 'GOLDEN_IMAGE_MENDED'] } },
      orderBy: { seq: 'asc' },
    })
  ).map(({ kind, reason }) => [kind, reason]);

test('an image whose files are gone says so, keeps its status and its spares, and heals when they are back', async () => {
  reconciler = world.reconcile();
  await ready(2);
  world.provisioner.loseGolden(image.id);
  await sweptUntil('the image says it', async () => (await imageNow()).problem === MISSING);

  expect((await imageNow()).status).toBe('READY');
  expect(await damagedImages(world.db)).toContain(MISSING);
  expect(await createVm(world, { vmType: '11' })).toMatchObject({ code: 'UNAVAILABLE', message: MISSING });
  const assigned = await world.assignVm({ vmType: '11', assignedTo: 'job' });
  expect(assigned).toMatchObject({ status: 'FULFILLED' });
  await releaseVm(world, { id: (assigned as { vmId: string }).vmId });
  await sweptUntil('the pool says it', async () => (await poolNow()).blocked === MISSING);
  expect(await world.db.vm.count({ where: { status: { notIn: ['READY', 'RELEASING', 'DESTROYED'] } } })).toBe(0);

  world.provisioner.loseGolden(image.id, false);
  await ready(2);
  await sweptUntil('nothing is said any more', async () => (await poolNow()).blocked === null);
  expect((await imageNow()).problem).toBeNull();
  expect(await damagedImages(world.db)).toBeUndefined();
  expect(await told()).toEqual([
    ['GOLDEN_IMAGE_DAMAGED', MISSING],
    ['GOLDEN_IMAGE_MENDED', null],
  ]);
});

test('spares that were to be made just then wait for it: none fails, and the pool does not rest', async () => {
  world.provisioner.loseGolden(image.id);
  reconciler = world.reconcile();
  await sweptUntil('the pool says it', async () => (await poolNow()).blocked === MISSING);
  expect(await world.db.vm.count({ where: { status: 'FAILED' } })).toBe(0);

  world.provisioner.loseGolden(image.id, false);
  await ready(2);
  expect((await poolNow()).failures).toBe(0);
  expect(await world.db.vm.count()).toBe(2);
});

test('an image that can not be looked at holds up nothing else that is swept, and is logged once', async () => {
  const failures: unknown[] = [];
  const write = (line: string) => void failures.push(JSON.parse(line).err?.message);
  world.deps.log = pino({ level: 'error' }, { write });
  let looks = 0;
  world.deps.provisioner = {
    ...world.provisioner,
    goldenProblem: async () => {
      looks++;
      throw new Error('EIO: i/o error, open');
    },
  };
  const stray = { kind: 'vm', id: randomUUID() } as const;
  await world.provisioner.clone({
    id: stray.id,
    goldenImageId: image.id,
    vmType: '11',
    containerImage: '',
    language: '',
    cpuCores: 1,
    ramMiB: 1,
    diskGiB: 1,
    endpoint: '1',
    token: '',
  });
  reconciler = world.reconcile();

  await sweptUntil('the orphan is removed', async () => (await world.provisioner.inspect(stray)) === undefined);
  await ready(2);
  await sweptUntil('it was looked at often', async () => looks > 9);
  expect(failures).toEqual(['EIO: i/o error, open']);
});
