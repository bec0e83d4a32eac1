import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { guestToken } from '../../src/db/deployment.js';
import { LIMITS } from '../../src/domain/limits.js';
import type { Vm } from '../../src/generated/prisma/client.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
let vm: Vm;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  await world.empty();
  vm = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'task_1' });
});
afterAll(() => world.close());

const post = (path: string, body?: unknown) =>
  call(world.url, 'POST', path, {
    ...(body !== undefined && {
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  });
const commands = (id = vm.id) => `/api/vms/instances/${id}/commands`;

/** What the agent of the VM's guest says and hears. */
async function guest(what: string, facts: Record<string, string | number>): Promise<Map<string, string>> {
  const lines = Object.entries(facts).map(([key, value]) => `${key}=${encodeURIComponent(value)}\n`);
  const answer = await call(world.url, 'POST', `/guest/v1/${what}`, {
    body: lines.join(''),
    headers: { authorization: `Bearer ${guestToken(world.deployment, vm.id)}` },
  });
  expect(answer.status).toBe(200);
  const pairs = String(answer.body).split(/\r?\n/).filter(Boolean);
  return new Map(
    pairs.map((line) => [line.split('=')[0] ?? '', decodeURIComponent(line.slice(line.indexOf('=') + 1))]),
  );
}

test('a command goes to the guest, and its end comes back to who waits for it', async () => {
  await guest('ready', { phase: 'ready', session: 's1', codepage: 850, build: '6.1.7601' });
  const waiting = post(commands(), { command: 'dir\nexit 3', working_directory: 'C:\\src', wait_seconds: 30 });

  const asked = await guest('next', { session: 's1', wait: 25, running: '' });
  expect(Object.fromEntries(asked)).toMatchObject({ do: 'run', directory: 'C:\\src', timeout: '600', script: 'here' });
  expect(asked.get('command')).toContain('exit 3');
  const id = asked.get('id') ?? '';
  const text = { 'stdout.text': 'Füße\r\n', 'stderr.text': '' };
  await guest('result', { id, session: 's1', state: 'exited', exit: 3, stdout: 8, stderr: 0, via: 'here', ...text });

  const { status, body } = await waiting;
  expect(status).toBe(200);
  expect(body).toMatchObject({
    command_id: id,
    instance_id: vm.id,
    status: 'EXITED',
    exit_code: 3,
    stdout: 'Füße\r\n',
    stdout_truncated: false,
    reason: null,
  });
  expect((await call(world.url, 'GET', `/api/commands/${id}`)).body).toEqual(body);
});

test('what the guest says of itself is told with its VM', async () => {
  const show = async () => (await call(world.url, 'GET', `/api/vms/instances/${vm.id}`)).body;
  expect(await show()).toMatchObject({ guest: null, not_ready: null });
  await guest('ready', { phase: 'ready', session: 's1', computer: 'PC1', user: 'Docker', build: '10.0.26100' });
  expect((await show()).guest).toMatchObject({ computer_name: 'PC1', user_name: 'Docker', build: '10.0.26100' });
});

test('history is newest first, in pages, without output', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.unshift((await post(commands(), { command: `echo ${n}` })).body.command_id);

  const first = await call(world.url, 'GET', `${commands()}?limit=2`);
  expect(first.body.commands.map((one: { command_id: string }) => one.command_id)).toEqual(ids.slice(0, 2));
  expect(first.body.commands[0]).not.toHaveProperty('stdout');
  const rest = await call(world.url, 'GET', `${commands()}?limit=2&before=${first.body.next}`);
  expect(rest.body).toMatchObject({ commands: [{ command_id: ids[2] }], next: null });
});

test('cancel takes a command out of the queue, and says so to who waits', async () => {
  const { body } = await post(commands(), { command: 'ver' });
  const waiting = call(world.url, 'GET', `/api/commands/${body.command_id}?wait_seconds=30`);
  expect((await post(`/api/commands/${body.command_id}/cancel`)).body.status).toBe('CANCELLED');
  expect((await waiting).body).toMatchObject({ status: 'CANCELLED', reason: expect.any(String) });
});

test.each<[string, unknown, number, string, object]>([
  ['no command', {}, 422, 'INVALID_INPUT', { field: 'command' }],
  ['an empty one', { command: '' }, 422, 'INVALID_INPUT', { field: 'command' }],
  ['a number', { command: 5 }, 422, 'INVALID_INPUT', { field: 'command', value: '5' }],
  ['a name that is not', { command: 'ver', timeout: 5 }, 422, 'INVALID_INPUT', { field: 'timeout', value: '5' }],
  [
    'a long time',
    { command: 'ver', timeout_seconds: LIMITS.commandSeconds.value + 1 },
    422,
    'INVALID_INPUT',
    { field: 'timeout_seconds' },
  ],
  [
    'a long wait',
    { command: 'ver', wait_seconds: LIMITS.waitSeconds.value + 1 },
    422,
    'INVALID_INPUT',
    { field: 'wait_seconds' },
  ],
  ['no JSON', '{"command":', 400, 'MALFORMED', {}],
])('%s is refused', async (_what, body, status, code, facts) => {
  expectProblem(await post(commands(), body), status, code, facts);
  expect(await world.db.command.count()).toBe(0);
});

test('what is not there or not yours is refused', async () => {
  expectProblem(await post(commands(randomUUID()), { command: 'ver' }), 404, 'NOT_FOUND');
  expectProblem(await post(`${commands()}?assigned_to=task_2`, { command: 'ver' }), 409, 'CONFLICT');
  const spare = await aVm(world.db, { status: 'READY' });
  expectProblem(await post(commands(spare.id), { command: 'ver' }), 409, 'CONFLICT');
  expectProblem(await call(world.url, 'GET', `/api/commands/${randomUUID()}`), 404, 'NOT_FOUND');
  expectProblem(await call(world.url, 'GET', '/api/commands/x'), 422, 'INVALID_INPUT', { field: 'command_id' });
  expectProblem(await call(world.url, 'GET', `${commands()}?before=${randomUUID()}`), 422, 'INVALID_INPUT');
  expectProblem(
    await call(world.url, 'GET', `${commands()}?limit=${LIMITS.pageItems.value + 1}`),
    422,
    'INVALID_INPUT',
    { field: 'limit' },
  );
});
