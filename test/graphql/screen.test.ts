import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { encodeNodeId } from '../../src/graphql/nodeId.js';
import { encodePng } from '../../src/provisioner/encodePng.js';
import { aScreen, type TestScreen } from '../provisioner/aScreen.js';
import { decodePng } from '../provisioner/decodePng.js';
import { anImage, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { REFUSAL, read } from './support/ask.js';

let world: World;
let shown: TestScreen;
beforeAll(async () => {
  shown = await aScreen();
  world = await startWorld({}, { engine: shown.engine });
});
afterAll(async () => {
  await world.close();
  await shown.close();
});

const shoot = async (variables: Record<string, unknown>) =>
  (
    await read(
      world,
      `query ($vmId: ID, $goldenImageId: ID, $assignedTo: String) {
        screenshot(vmId: $vmId, goldenImageId: $goldenImageId, assignedTo: $assignedTo) {
          ... on Screenshot { takenAt width height png } ${REFUSAL}
        } }`,
      variables,
    )
  ).screenshot;
const press = async (input: Record<string, unknown>) =>
  (
    await read(
      world,
      `mutation ($input: SendKeysInput!) { sendKeys(input: $input) {
        ... on SendKeysPayload { vm { instanceId } goldenImage { imageId } } ${REFUSAL} } }`,
      { input },
    )
  ).sendKeys;
const click = async (input: Record<string, unknown>) =>
  (
    await read(
      world,
      `mutation ($input: ClickInput!) { click(input: $input) {
        ... on ClickPayload { vm { instanceId } goldenImage { imageId } } ${REFUSAL} } }`,
      { input },
    )
  ).click;
const newly = (before: string) => shown.typed().slice(before.length);

describe('screenshot', () => {
  test.each(['BOOTING', 'READY', 'ASSIGNED'] as const)('of a VM that is %s, by either of its ids', async (status) => {
    const { id } = await aVm(world.db, { status });

    for (const vmId of [id, encodeNodeId('Vm', id)]) {
      const shot = await shoot({ vmId });
      expect(shot).toMatchObject({ width: 320, height: 200, takenAt: expect.stringMatching(/^\d{4}-/) });
      expect(decodePng(Buffer.from(shot.png, 'base64'))).toMatchObject({ width: 320, height: 200 });
    }
  });

  test('of an installation', async () => {
    const { id } = await anImage(world.db, { status: 'INSTALLING' });

    expect(await shoot({ goldenImageId: id })).toMatchObject({ width: 320 });
  });

  test.each(['READY', 'FAILED'] as const)(
    'of a golden image that is %s is the last one that was kept',
    async (status) => {
      const { id } = await anImage(world.db, { status });
      const png = await encodePng({ width: 3, height: 2, pixels: Buffer.alloc(24, 7) });
      await world.db.installScreenshot.create({
        data: { goldenImageId: id, takenAt: new Date('2026-01-02T03:04:05Z'), png: new Uint8Array(png) },
      });

      expect(await shoot({ goldenImageId: id })).toMatchObject({
        width: 3,
        height: 2,
        takenAt: expect.stringContaining('2026-01-02T03:04:05'),
        png: Buffer.from(png).toString('base64'),
      });
    },
  );

  test('is refused with the reason', async () => {
    const over = await aVm(world.db, { status: 'DESTROYED' });
    const hers = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' });
    const ready = await anImage(world.db);

    expect(await shoot({ vmId: over.id })).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('over'),
    });
    expect(await shoot({ vmId: randomUUID() })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await shoot({ goldenImageId: randomUUID() })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await shoot({ vmId: 'nonsense' })).toMatchObject({ code: 'INVALID_INPUT', field: 'vmId' });
    expect(await shoot({ vmId: encodeNodeId('GoldenImage', ready.id) })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await shoot({})).toMatchObject({ code: 'INVALID_INPUT', fix: 'Give either vmId or goldenImageId.' });
    expect(await shoot({ vmId: hers.id, goldenImageId: ready.id })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await shoot({ vmId: hers.id, assignedTo: 'bob' })).toMatchObject({ code: 'CONFLICT' });
    expect(await shoot({ vmId: hers.id, assignedTo: 'alice' })).toMatchObject({ width: 320 });
    expect(await shoot({ goldenImageId: ready.id })).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('no picture'),
    });
  });
});

describe('sendKeys', () => {
  let vmId: string;
  beforeEach(async () => {
    vmId = (await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' })).id;
  });

  test('presses chords, then types text', async () => {
    const before = shown.typed();

    const answer = await press({ vmId, keys: ['ctrl+alt+delete', 'win+r'], text: 'Hi!\r\n', assignedTo: 'alice' });

    expect(answer).toEqual({ __typename: 'SendKeysPayload', vm: { instanceId: vmId }, goldenImage: null });
    expect(newly(before)).toBe('<ffe3><ffe9><ffff><ffeb>r<ffe1>Hi<ffe1>!<ff0d>');
  });

  test('reaches an installation', async () => {
    const { id } = await anImage(world.db, { status: 'INSTALLING' });

    expect(await press({ goldenImageId: id, keys: ['f8'] })).toMatchObject({ goldenImage: { imageId: id }, vm: null });
  });

  test('refuses what can not be pressed, and presses none of it', async () => {
    const before = shown.typed();

    expect(await press({ vmId, keys: ['enter', 'ctrl+hello'] })).toMatchObject({ field: 'keys', value: 'ctrl+hello' });
    expect(await press({ vmId, text: 'abcä' })).toMatchObject({ field: 'text', value: 'ä' });
    expect(await press({ vmId, text: '\u{1F600}' })).toMatchObject({ field: 'text', value: '\u{1F600}' });
    expect(await press({ vmId, text: 'a\u0000b' })).toMatchObject({ field: 'text' });
    expect(await press({ vmId, text: 'x'.repeat(LIMITS.typedCharacters.value + 1) })).toMatchObject({ field: 'text' });
    expect(await press({ vmId, keys: Array.from({ length: LIMITS.keyChords.value + 1 }, () => 'a') })).toMatchObject({
      field: 'keys',
    });
    expect(await press({ vmId, keys: [], text: '' })).toMatchObject({ field: 'keys' });
    expect(await press({ vmId })).toMatchObject({ field: 'keys' });
    expect(shown.typed()).toBe(before);
  });

  test('refuses machines that are not in the hands of a caller', async () => {
    const keys = ['a'];
    const spare = await aVm(world.db, { status: 'READY', hotSpare: true });
    const sealed = await anImage(world.db);

    expect(await press({ vmId: spare.id, keys })).toMatchObject({ code: 'CONFLICT' });
    expect(await press({ vmId, keys, assignedTo: 'bob' })).toMatchObject({ code: 'CONFLICT' });
    expect(await press({ vmId: randomUUID(), keys })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await press({ goldenImageId: sealed.id, keys })).toMatchObject({ code: 'CONFLICT' });
    expect(await press({ goldenImageId: randomUUID(), keys })).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('click', () => {
  test('clicks where it is told to, once with the left button unless told otherwise', async () => {
    const { id } = await aVm(world.db, { status: 'ASSIGNED' });
    const from = shown.pointed.length;

    expect(await click({ vmId: id, x: 5, y: 6 })).toMatchObject({ vm: { instanceId: id } });
    expect(await click({ vmId: id, x: 7, y: 8, button: 'MIDDLE', count: 2 })).toMatchObject({ vm: { instanceId: id } });

    expect(shown.pointed.slice(from)).toEqual(['5,6,0', '5,6,1', '5,6,0', '7,8,0', '7,8,2', '7,8,0', '7,8,2', '7,8,0']);
  });

  test('refuses what is outside of the screen or of sense', async () => {
    const { id } = await aVm(world.db, { status: 'ASSIGNED' });
    const spare = await aVm(world.db, { status: 'READY', hotSpare: true });
    const from = shown.pointed.length;

    expect(await click({ vmId: id, x: 320, y: 0 })).toMatchObject({
      field: 'x',
      fix: expect.stringContaining('320x200'),
    });
    expect(await click({ vmId: id, x: 0, y: -1 })).toMatchObject({ field: 'y' });
    expect(await click({ vmId: id, x: 70_000, y: 0 })).toMatchObject({ field: 'x' });
    expect(await click({ vmId: id, x: 0, y: 0, count: 0 })).toMatchObject({ field: 'count' });
    expect(await click({ vmId: id, x: 0, y: 0, count: LIMITS.clicks.value + 1 })).toMatchObject({ field: 'count' });
    expect(await click({ vmId: spare.id, x: 0, y: 0 })).toMatchObject({ code: 'CONFLICT' });
    expect(shown.pointed).toHaveLength(from);
  });
});
