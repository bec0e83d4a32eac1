import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { getImage } from '../../src/db/images.js';
import { installDurations } from '../../src/db/installDurations.js';
import { guestOf } from '../../src/domain/principal.js';
import { noteInstallStep, noteProgress } from '../../src/transitions/noteProgress.js';
import { aLine, anImage } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

let world: StepWorld;
beforeAll(async () => {
  world = await createStepWorld();
});
afterAll(() => world?.close());
beforeEach(() => world.db.goldenImage.deleteMany());

const asGuest = (id: string) => ({ write: world.writeAs(guestOf(id)) });
const MINUTE_MS = 60_000;
const installing = () => anImage(world.db, { status: 'INSTALLING', phase: 'SETUP', progress: 0.6, message: 'silent' });
const told = async (goldenImageId: string) =>
  world.db.event.findMany({ where: { goldenImageId }, orderBy: { seq: 'asc' } });

test('a step of install.bat is told, and the same again is not', async () => {
  const { id } = await installing();

  expect(await noteInstallStep(asGuest(id), id, { step: 'Copy the agent', done: 1, of: 4 })).toBe('noted');
  expect(await noteInstallStep(asGuest(id), id, { step: 'Copy the agent', done: 1, of: 4 })).toBe('noted');

  expect(await getImage(world.db, id)).toMatchObject({
    phase: 'CONFIGURING',
    message: 'Copy the agent',
    progress: 0.885,
  });
  expect(await told(id)).toMatchObject([
    {
      kind: 'GOLDEN_IMAGE_PROGRESS',
      actor: 'guest',
      data: { phase: 'CONFIGURING', progress: 0.885, message: 'Copy the agent' },
    },
  ]);
});

test.each([
  { step: '\u001b[31mx\u0000\u202e'.repeat(500), done: 1e308, of: 1e-308 },
  { step: '', done: Number.NaN, of: Number.NaN },
  { step: ' ', done: -5, of: -1 },
  { step: 'x', done: Number.POSITIVE_INFINITY, of: 0 },
  { step: '\ud800', done: 3, of: Number.POSITIVE_INFINITY },
])('a guest that lies harms only its own progress (%#)', async (lie) => {
  const { id } = await installing();

  await noteInstallStep(asGuest(id), id, lie);

  const image = await getImage(world.db, id);
  expect(image?.progress).toBeGreaterThanOrEqual(0.6);
  expect(image?.progress).toBeLessThanOrEqual(0.99);
  expect(image?.message).toMatch(/^[^\p{Cc}\p{Cf}\p{Cs}]{1,200}$/u);
});

test('steps that go back move the words, not the progress', async () => {
  const { id } = await installing();
  await noteInstallStep(asGuest(id), id, { step: 'three', done: 3, of: 4 });

  await noteInstallStep(asGuest(id), id, { step: 'one', done: 1, of: 4 });

  expect(await getImage(world.db, id)).toMatchObject({ message: 'one', progress: 0.955 });
});

test('what is over, or was never, takes no steps', async () => {
  for (const [status, answer] of [
    ['READY', 'nothing new'],
    ['FAILED', 'gone'],
  ] as const) {
    const { id } = await anImage(world.db, { status });
    expect(await noteInstallStep(asGuest(id), id, { step: 'x', done: 1, of: 2 })).toBe(answer);
    expect(await told(id)).toEqual([]);
  }
  const nobody = '8d8ac610-566d-4ef0-9c22-186b2a5ed793';
  expect(await noteInstallStep(world, nobody, { step: 'x', done: 1, of: 2 })).toBe('unknown');
});

test('a move ends a standstill; time that passes does not', async () => {
  const { id } = await installing();
  const note = { phase: 'SETUP', share: null, message: 'silent' } as const;
  const progressedAt = new Date(Date.now() - 5 * MINUTE_MS);
  await world.db.goldenImage.update({ where: { id }, data: { stuck: 'stands', progress: 0.5, progressedAt } });

  const crept = await noteProgress(world, id, note);
  expect(crept).toMatchObject({ stuck: 'stands', progressedAt });
  expect(crept?.progress).toBeGreaterThan(0.5);

  expect(await noteProgress(world, id, { ...note, message: 'goes on' })).toMatchObject({ stuck: null });
});

test('what an installation takes is the median of the last five of its line that became an image, else of its vmType', async () => {
  const made = (vmType: string, minutes: number, age: number, over = {}) => {
    const startedAt = new Date(Date.UTC(2026, 0, 1, 100 - age));
    const after = (m: number) => new Date(startedAt.getTime() + m * MINUTE_MS);
    return anImage(world.db, { vmType, startedAt, installedAt: after(minutes), readyAt: after(minutes + 2), ...over });
  };
  await made('11', 300, 9);
  for (const [age, minutes] of [40, 20, 30, 25, 90].entries()) await made('11', minutes, age);
  await made('11', 1, 0, { status: 'FAILED', readyAt: null });
  await made('10', 60, 0);
  await anImage(world.db, { vmType: '2022' });

  await aLine(world.db, { name: 'office' });
  const studio = await aLine(world.db, { name: 'studio' });
  await made('11', 70, 0, { lineId: studio.id });

  const lines = await world.db.imageLine.findMany();
  const found = await installDurations(
    world.db,
    lines.map(({ id }) => id),
  );

  expect(Object.fromEntries(lines.map(({ id, name }) => [name, found.get(id)?.installMs]))).toEqual({
    11: 30 * MINUTE_MS,
    10: 60 * MINUTE_MS,
    // Its own count, however few.
    studio: 70 * MINUTE_MS,
    // It has none: the last five of its vmType, whatever their line.
    office: 40 * MINUTE_MS,
    2022: undefined,
  });
  const ofTen = lines.find(({ name }) => name === '10')?.id ?? '';
  expect(found.get(ofTen)?.readyMs).toBe(62 * MINUTE_MS);
});
