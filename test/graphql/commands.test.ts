import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { saveOutput } from '../../src/db/commands.js';
import { LIMITS } from '../../src/domain/limits.js';
import type { Vm } from '../../src/generated/prisma/client.js';
import { deliverCommand } from '../../src/guest/deliverCommand.js';
import { noteResult } from '../../src/guest/noteResult.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { errorOf, REFUSAL, read } from './support/ask.js';
import { socketClient } from './support/clients.js';

let world: World;
let vm: Vm;
beforeEach(async () => {
  world = await startWorld();
  vm = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'task_1' });
  await world.db.guest.create({ data: { machineId: vm.id, session: 's1', build: '10.0.26100', codePage: 437 } });
});
afterEach(() => world.close());

const COMMAND = `id commandId command workingDirectory timeoutSeconds transport status exitCode reason
  stdout stderr stdoutBytes stdoutTruncated stderrTruncated startedAt endedAt vm { instanceId }`;
const RUN = `mutation($input: RunCommandInput!) { result: runCommand(input: $input) {
  ${REFUSAL} ... on RunCommandPayload { command { ${COMMAND} } } } }`;
const CANCEL = `mutation($id: ID!) { result: cancelCommand(input: { id: $id }) {
  ${REFUSAL} ... on CancelCommandPayload { changed command { status reason cancelRequestedAt } } } }`;

const run = async (input: object) =>
  (await read(world, RUN, { input: { vmId: vm.id, command: 'ver', ...input } })).result;
const guest = () => ({ db: world.db, write: world.write, share: () => undefined, warn: () => {} });
const deliver = (commandId: string) => deliverCommand(guest(), vm, 's1', commandId);
const finish = (commandId: string, stdout: string, exitCode = 0) =>
  noteResult(guest(), vm, {
    commandId,
    end: { state: 'exited', exitCode },
    stdoutBytes: stdout.length,
    stderrBytes: 0,
    texts: { stdout, stderr: '' },
  });

test('a command is queued, and waited for until it has ended, with its exit code and output', async () => {
  const { command } = await run({ workingDirectory: 'C:\\src', timeoutSeconds: 5 });
  expect(command).toMatchObject({
    command: 'ver',
    workingDirectory: 'C:\\src',
    timeoutSeconds: 5,
    transport: 'AGENT',
    status: 'QUEUED',
    exitCode: null,
    stdout: '',
    vm: { instanceId: vm.id },
  });

  const waiting = run({ command: 'exit 7', waitSeconds: 30 });
  let queued: string | undefined;
  for await (const event of world.feed.subscribe(0n, { vmId: vm.id }, AbortSignal.timeout(10_000))) {
    if (event.kind !== 'COMMAND_QUEUED' || event.data.commandId === command.commandId) continue;
    queued = String(event.data.commandId);
    break;
  }
  await deliver(queued ?? '');
  await finish(queued ?? '', 'bye', -1073741819);
  expect((await waiting).command).toMatchObject({ status: 'EXITED', exitCode: -1073741819, stdout: 'bye' });
});

test('the same idempotency key is the same command; another text under it is refused', async () => {
  const first = await run({ idempotencyKey: 'k' });
  expect((await run({ idempotencyKey: 'k' })).command.id).toBe(first.command.id);
  expect(await run({ idempotencyKey: 'k', command: 'dir' })).toMatchObject({ __typename: 'Conflict' });
  expect(await world.db.command.count()).toBe(1);
});

test.each<[string, object, object]>([
  ['no text', { command: '' }, { __typename: 'InvalidInput', field: 'command' }],
  [
    'a text that is too long',
    { command: 'x'.repeat(LIMITS.commandCharacters.value + 1) },
    { __typename: 'InvalidInput', field: 'command' },
  ],
  ['a line that cmd.exe cannot read', { command: 'x'.repeat(8_200) }, { __typename: 'InvalidInput', field: 'command' }],
  ['a time out of range', { timeoutSeconds: 0 }, { __typename: 'InvalidInput', field: 'timeoutSeconds' }],
  ['a relative folder', { workingDirectory: 'src' }, { __typename: 'InvalidInput', field: 'workingDirectory' }],
  [
    'a wait out of range',
    { waitSeconds: LIMITS.waitSeconds.value + 1 },
    { __typename: 'InvalidInput', field: 'waitSeconds' },
  ],
  ['a VM that is not', { vmId: randomUUID() }, { __typename: 'NotFound' }],
  ['what is no id', { vmId: 'x' }, { __typename: 'InvalidInput', field: 'vmId' }],
  ["somebody else's VM", { assignedTo: 'task_2' }, { __typename: 'Conflict' }],
])('%s is refused, and nothing is queued', async (_what, input, refusal) => {
  expect(await run(input)).toMatchObject(refusal);
  expect(await world.db.command.count()).toBe(0);
});

test('a spare that nobody has takes no commands', async () => {
  const spare = await aVm(world.db);
  expect(await run({ vmId: spare.id })).toMatchObject({
    __typename: 'Conflict',
    message: expect.stringContaining('spare'),
    fix: expect.stringContaining('Have a VM assigned'),
  });
});

test('commandUpdated tells each step with what was written since, and ends with the command', async () => {
  const client = socketClient(world);
  try {
    const { command } = await run({});
    const told = client.subscribe(
      'subscription($id: ID!, $after: Int!) { commandUpdated(id: $id) { status exitCode stdout(after: $after) } }',
      { id: command.id, after: 3 },
    );
    const next = async () => (await told.next()).data.commandUpdated;
    expect(await next()).toMatchObject({ status: 'QUEUED', stdout: '' });
    await deliver(command.commandId);
    expect(await next()).toMatchObject({ status: 'RUNNING' });
    await world.write(async (tx, tell) => {
      await saveOutput(tx, command.commandId, { stdout: 'one two', stderr: '' });
      tell({ kind: 'COMMAND_OUTPUT', vmId: vm.id, data: { commandId: command.commandId } });
    });
    expect(await next()).toMatchObject({ status: 'RUNNING', stdout: ' two' });
    await finish(command.commandId, 'one two three');
    expect(await next()).toMatchObject({ status: 'EXITED', exitCode: 0, stdout: ' two three' });
    await expect(told.next()).rejects.toThrow('over');
  } finally {
    await client.close();
  }
});

test('more output than is kept is said to be truncated', async () => {
  const { command } = await run({});
  await deliver(command.commandId);
  await world.db.command.update({
    where: { id: command.commandId },
    data: { stdoutBytes: BigInt(LIMITS.commandOutputBytes.value) + 1n },
  });
  const { found } = await read(world, `query($id: ID!) { found: command(id: $id) { ${COMMAND} } }`, { id: command.id });
  expect(found).toMatchObject({
    stdoutTruncated: true,
    stderrTruncated: false,
    stdoutBytes: LIMITS.commandOutputBytes.value + 1,
  });
});

test('a command that waits is cancelled at once, one that runs is asked to end, and asking twice changes nothing', async () => {
  const { command: waits } = await run({});
  const { command: runs } = await run({});
  await deliver(runs.commandId);
  const cancel = async (id: string) => (await read(world, CANCEL, { id })).result;

  expect(await cancel(waits.id)).toMatchObject({ changed: true, command: { status: 'CANCELLED' } });
  expect(await cancel(runs.commandId)).toMatchObject({
    changed: true,
    command: { status: 'RUNNING', cancelRequestedAt: expect.any(String) },
  });
  expect(await cancel(runs.id)).toMatchObject({ changed: false });
  expect(await cancel(randomUUID())).toMatchObject({ __typename: 'NotFound' });
});

test('the history of a VM is a list in pages, and stays when the VM is released, which ends what is not over', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push((await run({ command: `echo ${n}` })).command.id);
  await deliver(
    Buffer.from(ids[0] ?? '', 'base64')
      .toString()
      .split(':')[1] ?? '',
  );
  await releaseVm(world, { id: vm.id });

  const query = `query($id: ID!, $after: String) { vm(id: $id) { commands(first: 2, after: $after) {
    nodes { id status reason } pageInfo { hasNextPage endCursor } } } }`;
  const first = (await read(world, query, { id: vm.id })).vm.commands;
  expect(first.nodes.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
  expect(first.nodes[0]).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('released') });
  const second = (await read(world, query, { id: vm.id, after: first.pageInfo.endCursor })).vm.commands;
  expect(second.nodes.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
  expect(second.pageInfo.hasNextPage).toBe(false);
});

test('what the guest says of itself is told with its VM', async () => {
  const query = 'query($id: ID!) { vm(id: $id) { notReady guest { build codePage starts seenAt computerName } } }';
  expect((await read(world, query, { id: vm.id })).vm).toMatchObject({
    notReady: null,
    guest: { build: '10.0.26100', codePage: 437, starts: 1, computerName: null },
  });
  expect((await read(world, query, { id: (await aVm(world.db)).id })).vm.guest).toBeNull();
});

test('an offset into the output is not negative', async () => {
  const { command } = await run({});
  const query = 'query($id: ID!) { command(id: $id) { stdout(after: -1) } }';
  expect((await errorOf(world, query, { id: command.id })).message).toContain('after');
});
