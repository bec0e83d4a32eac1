import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodePng } from '../../src/provisioner/encodePng.js';
import { aScreen, type TestScreen } from '../provisioner/aScreen.js';
import { decodePng } from '../provisioner/decodePng.js';
import { anImage, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
let shown: TestScreen;
let vmId: string;
beforeAll(async () => {
  shown = await aScreen();
  world = await startWorld({}, { engine: shown.engine });
});
afterAll(async () => {
  await world.close();
  await shown.close();
});
beforeEach(async () => {
  await world.empty();
  vmId = (await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' })).id;
});

const vm = (path: string, id = vmId) => `/api/vms/instances/${id}/${path}`;
const image = (path: string, id: string) => `/api/vms/golden-images/${id}/${path}`;
const post = (path: string, body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  call(world.url, 'POST', path, { body: typeof body === 'string' ? body : JSON.stringify(body), headers });

test('a screenshot is a PNG that nobody keeps, with its size and its time', async () => {
  const response = await fetch(`${world.url}${vm('screenshot?assigned_to=alice')}`);
  const png = new Uint8Array(await response.arrayBuffer());

  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-width': '320',
    'x-height': '200',
    'x-taken-at': expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });
  expect(decodePng(png)).toMatchObject({ width: 320, height: 200 });
});

test('a screenshot of an installation that is over is the last one that was kept', async () => {
  const { id } = await anImage(world.db, { status: 'FAILED' });
  const png = await encodePng({ width: 3, height: 2, pixels: Buffer.alloc(24, 7) });
  await world.db.installScreenshot.create({
    data: { goldenImageId: id, takenAt: new Date('2026-01-02T03:04:05Z'), png: new Uint8Array(png) },
  });

  const response = await fetch(`${world.url}${image('screenshot', id)}`);

  expect(response.headers.get('x-taken-at')).toBe('2026-01-02T03:04:05.000Z');
  expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from(png));
});

test('a screenshot is refused as everything else is', async () => {
  const installed = await anImage(world.db, { vmType: '10' });

  expectProblem(await call(world.url, 'GET', vm('screenshot', randomUUID())), 404, 'NOT_FOUND');
  expectProblem(await call(world.url, 'GET', vm('screenshot', 'nonsense')), 422, 'INVALID_INPUT');
  expectProblem(await call(world.url, 'GET', vm('screenshot?assigned_to=bob')), 409, 'CONFLICT');
  expectProblem(await call(world.url, 'GET', image('screenshot', installed.id)), 409, 'CONFLICT');
});

test('keys are pressed and text is typed', async () => {
  const before = shown.typed();

  const answer = await post(vm('keys?assigned_to=alice'), { keys: ['win+r'], text: 'cmd\n' });

  expect([answer.status, answer.body]).toEqual([200, { status: 'success', message: 'The keys were pressed' }]);
  expect(shown.typed().slice(before.length)).toBe('<ffeb>rcmd<ff0d>');
});

test('an installation is clicked and typed to', async () => {
  const { id } = await anImage(world.db, { vmType: '10', status: 'INSTALLING' });

  expect((await post(image('keys', id), { keys: ['enter'] })).status).toBe(200);
  expect((await post(image('click', id), { x: 1, y: 2 })).status).toBe(200);
  expect(shown.pointed.at(-1)).toBe('1,2,0');
});

test('a click is refused outside of the screen', async () => {
  expect((await post(vm('click'), { x: 3, y: 4, button: 'RIGHT', count: 2 })).status).toBe(200);
  expectProblem(await post(vm('click'), { x: 320, y: 4 }), 422, 'INVALID_INPUT', { field: 'x', value: '320' });
  expectProblem(await post(vm('click?assigned_to=bob'), { x: 3, y: 4 }), 409, 'CONFLICT');
});

test.each([
  ['an array', '[]', 'application/json'],
  ['a wrong type', '{"keys":"enter"}', 'application/json'],
  ['an unknown field', '{"key":["enter"]}', 'application/json'],
  ['an unknown key', '{"keys":["enter","hyper+x"]}', 'application/json'],
  ['a character that no key has', '{"text":"naïve"}', 'application/json'],
])('a body that is %s is refused, and nothing is pressed', async (_what, body, type) => {
  const before = shown.typed();

  expectProblem(await post(vm('keys'), body, { 'content-type': type }), 422, 'INVALID_INPUT');
  expect(shown.typed()).toBe(before);
});

test.each([
  ['no JSON', 'keys=enter', 'application/json', 400],
  ['nothing', '', 'application/json', 400],
  ['of another type', '{"keys":["enter"]}', 'text/plain', 415],
])('a body that is %s is told so, and nothing is pressed', async (_what, body, type, status) => {
  const before = shown.typed();

  expectProblem(await post(vm('keys'), body, { 'content-type': type }), status, 'MALFORMED');
  expect(shown.typed()).toBe(before);
});

test('a body of more than a mebibyte is refused', async () => {
  expectProblem(await post(vm('keys'), { text: 'x'.repeat(1024 * 1024) }), 413, 'TOO_LARGE');
});
