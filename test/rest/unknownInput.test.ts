import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { aShare, type TestShare } from '../storage/aShare.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
let files: TestShare;
let vmId: string;

beforeAll(async () => {
  world = await startWorld({}, { engine: { share: () => files.share } });
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  files = await aShare();
  vmId = (await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' })).id;
  return () => files.remove();
});

const vm = (path: string) => `/api/vms/instances/${vmId}${path}`;
const commands = () => vm('/commands');
const post = (path: string, body: unknown, type = 'application/json') =>
  call(world.url, 'POST', path, {
    body: typeof body === 'string' ? new Blob([body]) : JSON.stringify(body),
    headers: type === '' ? {} : { 'content-type': type },
  });

describe('a parameter that a route does not know', () => {
  test.each<[string, string, string, string]>([
    ['POST', '/api/vms/assign?assigned_to=x&vmtype=10', 'vmtype', 'assigned_to, pool, vm_type, idempotency_key'],
    ['POST', '/api/vms/assign?assignedTo=x', 'assignedTo', 'assigned_to'],
    ['POST', '/api/vms/golden-images?oem_bundel=office', 'oem_bundel', 'oem_bundle'],
    ['GET', '/api/vms/instances?status=READY', 'status', 'no parameters'],
    ['GET', '/api/vms/instances/ID?verbose=1', 'verbose', 'no parameters'],
    ['DELETE', '/api/vms/instances/ID?assigned_to=bob', 'assigned_to', 'no parameters'],
    ['POST', '/api/vms/instances/ID/release?assigned_to=bob', 'assigned_to', 'no parameters'],
    ['POST', '/api/vms/instances/ID/commands?assignedTo=bob', 'assignedTo', 'Known here: assigned_to.'],
    ['GET', '/api/vms/instances/ID/screenshot?assignedTo=bob', 'assignedTo', 'Known here: assigned_to.'],
    ['PUT', '/api/vms/instances/ID/files/in/x?assignedTo=bob', 'assignedTo', 'Known here: assigned_to, sha256.'],
    ['PUT', '/api/vms/instances/ID/files/in/x?sha=00', 'sha', 'Known here: assigned_to, sha256.'],
    ['GET', '/api/vms/instances/ID/files/in/?recursive=true', 'recursive', 'assigned_to, after, limit'],
    ['DELETE', '/api/vms/instances/ID/files/in/x?recursiv=true', 'recursiv', 'assigned_to, recursive'],
    ['PUT', '/api/oem-bundles/office/files/a/b.bat?sha=00', 'sha', 'Known here: sha256.'],
    ['GET', '/api/oem-bundles?limit=1', 'limit', 'no parameters'],
    ['GET', `/api/commands/${randomUUID()}?wait=5`, 'wait', 'wait_seconds'],
    ['GET', '/api/vms/events?cursor=0', 'cursor', 'after, instance_id'],
    ['POST', '/api/vms/hot-spares/ensure?__proto__=1', '__proto__', 'vm_type'],
  ])('%s %s is refused', async (method, path, field, fix) => {
    const answer = await call(world.url, method, path.replace('ID', vmId), method === 'PUT' ? { body: 'x' } : {});

    expectProblem(answer, 422, 'INVALID_INPUT', {
      field,
      value: new URL(path, world.url).searchParams.get(field),
      fix: expect.stringContaining(fix),
    });
    expect((await world.db.vm.findUniqueOrThrow({ where: { id: vmId } })).status).toBe('ASSIGNED');
  });

  test('is refused by HEAD as by GET', async () => {
    expect((await fetch(`${world.url}${vm('/files/in/?range=1')}`, { method: 'HEAD' })).status).toBe(422);
    expect((await fetch(`${world.url}${vm('/files/in/')}`, { method: 'HEAD' })).status).toBe(200);
  });

  test('is no matter where there is no such route, nor outside of the API', async () => {
    expectProblem(await call(world.url, 'GET', '/api/vms/assign?x=1'), 405, 'METHOD_NOT_ALLOWED');
    expectProblem(await call(world.url, 'GET', '/api/nothing?x=1'), 404, 'NOT_FOUND');
    expect((await call(world.url, 'GET', '/health?x=1')).status).toBe(200);
  });

  test('the parameters of a file of a bundle are those that are read', async () => {
    const answer = await call(world.url, 'PUT', '/api/oem-bundles/office/files/a.bat?sha256=xyz', { body: 'x' });
    expectProblem(answer, 409, 'CONFLICT'); // simulated machines have no bundles: it was not the parameter
  });
});

test.each(['/files/in/', '/commands'])('a parameter that is given twice is refused, %s', async (path) => {
  const name = path === '/commands' ? 'limit' : 'assigned_to';
  const [one, other] = path === '/commands' ? ['1', '2'] : ['alice', 'bob'];
  expectProblem(await call(world.url, 'GET', vm(`${path}?${name}=${one}&${name}=${other}`)), 422, 'INVALID_INPUT', {
    field: name,
    value: `${one}, ${other}`,
    fix: 'Give this parameter once.',
  });
});

test('a parameter that is missing is asked for where it belongs', async () => {
  expectProblem(await post('/api/vms/assign', { assigned_to: 'x' }), 422, 'INVALID_INPUT', {
    field: 'assigned_to',
    fix: 'Give it in the query: ?assigned_to=…',
  });
});

describe('a body', () => {
  test.each<[unknown, string, string, string]>([
    [{ command: 'ver', timeout: 5 }, 'timeout', '5', 'Known here: command, timeout_seconds, working_directory'],
    [{ command: 'ver', assignedTo: { a: 1 } }, 'assignedTo', '{"a":1}', 'Known here: command'],
    [{}, 'command', '', 'It is required.'],
    [{ command: 5 }, 'command', '5', 'Give a text.'],
    [{ command: null }, 'command', 'null', 'Give a text.'],
    [{ command: { a: 1 } }, 'command', '{"a":1}', 'Give a text.'],
    [{ command: 'ver', timeout_seconds: '5' }, 'timeout_seconds', '5', 'Give a whole number.'],
    [{ command: 'ver', timeout_seconds: 1.5 }, 'timeout_seconds', '1.5', 'Give a whole number.'],
    [{ command: 'ver', timeout_seconds: 1e300 }, 'timeout_seconds', '1e+300', 'Give a whole number.'],
    [{ command: 'ver', transport: 'SSH' }, 'transport', 'SSH', 'Give one of: AGENT, QEMU_GUEST_AGENT.'],
    [[], 'body', '[]', 'Give a JSON object: {…}.'],
    ['"ver"', 'body', 'ver', 'Give a JSON object: {…}.'],
  ])('%j is refused in words', async (body, field, value, fix) => {
    expectProblem(await post(commands(), body), 422, 'INVALID_INPUT', {
      field,
      value,
      fix: expect.stringContaining(fix),
    });
    expect(await world.db.command.count()).toBe(0);
  });

  test.each<[string, unknown, string, string]>([
    ['/keys', { keys: 'enter' }, 'keys', 'Give a list.'],
    ['/keys', { keys: ['a', 5] }, 'keys.1', 'Give a text.'],
    ['/keys', { key: ['a'] }, 'key', 'Known here: keys, text.'],
    ['/click', { x: 1 }, 'y', 'It is required.'],
    ['/click', { x: 1, y: 1, button: 'left' }, 'button', 'Give one of: LEFT, '],
  ])('%s %j', async (path, body, field, fix) => {
    expectProblem(await post(vm(path), body), 422, 'INVALID_INPUT', { field, fix: expect.stringContaining(fix) });
  });

  test.each([
    ['text/plain', '"text/plain"'],
    ['application/x-www-form-urlencoded', '"application/x-www-form-urlencoded"'],
    ['', 'no Content-Type'],
  ])('of the type %j is told what to send', async (type, named) => {
    const answer = await post(commands(), '{"command":"ver"}', type);

    expectProblem(answer, 415, 'MALFORMED', { message: expect.stringContaining(named) });
    expect(answer.body.fix).toContain('application/json');
    expect(await world.db.command.count()).toBe(0);
  });

  test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/merge-patch+json'])(
    'of the type %s is read',
    async (type) => {
      expect((await post(commands(), '{"command":"ver"}', type)).status).toBe(200);
    },
  );

  test.each(['{"command":"dir C:\\work"}', '{"command":', ''])(
    '%s is no JSON, and the backslash is named',
    async (body) => {
      expectProblem(await post(commands(), body), 400, 'MALFORMED', {
        fix: expect.stringContaining(String.raw`in JSON a \ is written \\`),
      });
    },
  );

  test('whose backslash made a control character is refused', async () => {
    expectProblem(await post(commands(), String.raw`{"command":"type C:\foo"}`), 422, 'INVALID_INPUT', {
      field: 'command',
      fix: expect.stringMatching(/U\+000C.*twice/),
    });
  });
});

describe('a path', () => {
  test.each(['GET', 'DELETE', 'PUT'])('that is left out, %s', async (method) => {
    for (const end of ['', '/']) {
      const answer = await call(world.url, method, vm(`/files${end}`), method === 'PUT' ? { body: 'x' } : {});
      expectProblem(answer, 422, 'INVALID_INPUT', {
        field: 'path',
        value: '',
        fix: method === 'PUT' ? 'Begin the path with in/, such as in/setup.exe.' : 'Begin the path with in/ or out/.',
      });
    }
  });

  test('of a folder that is full is removed with a parameter, which is named', async () => {
    await call(world.url, 'PUT', vm('/files/in/tools/x'), { body: 'x' });

    expectProblem(await call(world.url, 'DELETE', vm('/files/in/tools')), 409, 'CONFLICT', {
      message: 'the folder "in/tools" is not empty',
      fix: expect.stringContaining('?recursive=true'),
    });
    expect((await call(world.url, 'DELETE', vm('/files/in/tools?recursive=true'))).status).toBe(200);
  });

  test('of what is not there says where to look', async () => {
    expectProblem(await call(world.url, 'GET', vm('/files/out/x')), 404, 'NOT_FOUND', {
      fix: expect.stringContaining('folder'),
    });
  });
});

test('refusals speak of no GraphQL', async () => {
  const spare = await aVm(world.db, { status: 'READY', hotSpare: true });
  const own = await aVm(world.db, { status: 'READY', hotSpare: false });
  const booting = await aVm(world.db, { status: 'BOOTING' });
  const over = await aVm(world.db, { status: 'RELEASING' });
  const answers = await Promise.all([
    ...[spare, booting, over].map(({ id }) => post(`/api/vms/instances/${id}/commands`, { command: 'ver' })),
    ...[vmId, own.id].map((id) => post(`/api/vms/instances/${id}/commands?assigned_to=bob`, { command: 'ver' })),
  ]);

  for (const answer of answers) {
    expectProblem(answer, 409, 'CONFLICT');
    expect(answer.body.detail).not.toMatch(/assignVm|assignedTo|vmUpdated|subscribe|alice/);
  }
  for (const answer of answers.slice(-2)) expect(answer.body.message).toContain('"bob"');
});
