import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelCommand } from '../../src/actions/command/cancelCommand.js';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { waitForCommand } from '../../src/actions/command/waitForCommand.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { type Command, commandsOfVm, outputOf } from '../../src/db/commands.js';
import { guestsOf, noteGuest } from '../../src/db/guests.js';
import { Conflict, InvalidInput, NotFound } from '../../src/domain/errors.js';
import { LIMITS } from '../../src/domain/limits.js';
import type { VmStatus } from '../../src/domain/vm.js';
import { aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';

let world: StepWorld;
beforeAll(async () => {
  world = await createStepWorld();
});
afterAll(() => world.close());

const run = (vmId: string, over: Partial<Parameters<typeof runCommand>[1]> = {}) =>
  runCommand(world, { vmId, command: 'ver', ...over });
const taken = (answer: Awaited<ReturnType<typeof runCommand>>): Command => {
  if (answer instanceof Error) throw answer;
  return answer;
};
const anAssigned = () => aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' });
const told = async (vmId: string) =>
  (await world.db.event.findMany({ where: { vmId }, orderBy: { seq: 'asc' } })).map(({ kind, data, reason }) => ({
    kind,
    data,
    reason,
  }));

test('so many commands wait in one VM, and no more', async () => {
  const vm = await anAssigned();
  const waiting = { vmId: vm.id, command: 'ver', timeoutSeconds: 600 };
  await world.db.command.createMany({
    data: Array.from({ length: LIMITS.commandsWaiting.value - 1 }, () => ({ id: randomUUID(), ...waiting })),
  });

  taken(await run(vm.id));
  expect(await run(vm.id)).toBeInstanceOf(Conflict);
  expect(await world.db.command.count({ where: { vmId: vm.id } })).toBe(LIMITS.commandsWaiting.value);
});

test('a command waits for its turn, and its event says nothing of what it is', async () => {
  const vm = await anAssigned();

  const command = taken(await run(vm.id, { command: 'echo s3cr3t', workingDirectory: 'C:\\work' }));

  expect(command).toMatchObject({
    status: 'QUEUED',
    command: 'echo s3cr3t',
    workingDirectory: 'C:\\work',
    timeoutSeconds: 600,
    transport: 'AGENT',
  });
  expect(await told(vm.id)).toEqual([{ kind: 'COMMAND_QUEUED', data: { commandId: command.id }, reason: null }]);
});

describe('the VM', () => {
  test.each<[VmStatus, string]>([
    ['REQUESTED', 'Wait'],
    ['BOOTING', 'Wait'],
    ['READY', 'Have a VM assigned first.'],
    ['RELEASING', 'Have another VM assigned.'],
    ['DESTROYED', 'Have another VM assigned.'],
    ['FAILED', 'Have another VM assigned.'],
  ])('%s: refused, with its status and what to do', async (status, fix) => {
    const answer = await run((await aVm(world.db, { status })).id);

    expect(answer).toBeInstanceOf(Conflict);
    expect(answer).toMatchObject({ message: expect.stringContaining(status), fix: expect.stringContaining(fix) });
  });

  test('outside the pool and ready: taken', async () => {
    const vm = await aVm(world.db, { hotSpare: false });
    expect(taken(await run(vm.id)).status).toBe('QUEUED');
  });

  test("that is somebody else's: refused, without saying whose", async () => {
    const vm = await anAssigned();
    const answer = await run(vm.id, { assignedTo: 'mallory' });

    expect(answer).toBeInstanceOf(Conflict);
    expect(JSON.stringify(answer) + (answer as Error).message).not.toContain('alice');
    expect((answer as Error).message).toContain('somebody else than "mallory"');
    expect(taken(await run(vm.id, { assignedTo: 'alice' })).status).toBe('QUEUED');
  });

  test('that is not there', async () => {
    expect(await run(randomUUID())).toBeInstanceOf(NotFound);
    expect(await run('7')).toBeInstanceOf(InvalidInput);
  });
});

describe('what is given', () => {
  const lines = (count: number) => Array.from({ length: count }, () => 'x'.repeat(7_999)).join('\n');

  test.each([
    ['quotes, percent signs and carets', 'echo "a b" %PATH% ^& \'c\' `d` $e > nul | more'],
    ['newlines of each kind', 'a\r\nb\nc\rd'],
    ['other alphabets', 'echo 日本 Привет grüße 🚀'],
    ['tabs', 'echo\ta\t\t'],
    ['32 KiB', `${lines(4)}\n`.padEnd(32_768, 'y')],
    ['the longest line', 'x'.repeat(8_000)],
  ])('%s: kept as it is', async (_, command) => {
    const vm = await anAssigned();
    expect(
      (await world.db.command.findUniqueOrThrow({ where: { id: taken(await run(vm.id, { command })).id } })).command,
    ).toBe(command);
  });

  test.each<[string, Partial<Parameters<typeof runCommand>[1]>, string, string]>([
    ['no command', { command: '' }, 'command', 'empty'],
    ['only blanks', { command: ' \r\n' }, 'command', 'empty'],
    [
      'one character too many',
      { command: `${lines(4)}\n`.padEnd(LIMITS.commandCharacters.value + 1, 'y') },
      'command',
      '32768',
    ],
    ['a line that is too long', { command: `a\n${'x'.repeat(8_001)}` }, 'command', '8191'],
    ['NUL', { command: 'a\0b' }, 'command', 'U+0000'],
    ['a path whose backslash was not doubled', { command: 'type C:\foo' }, 'command', 'U+000C'],
    ['a bell', { command: 'echo \u0007' }, 'command', 'U+0007'],
    ['an escape', { command: 'echo \u001b[0m' }, 'command', 'U+001B'],
    ['a late control character', { command: 'a\u0085b' }, 'command', 'U+0085'],
    ['half a character', { command: 'echo \uD800' }, 'command', 'Unicode'],
    ['no time', { timeoutSeconds: 0 }, 'timeoutSeconds', '86400'],
    ['too much time', { timeoutSeconds: LIMITS.commandSeconds.value + 1 }, 'timeoutSeconds', '86400'],
    ['a time that is no number', { timeoutSeconds: Number.NaN }, 'timeoutSeconds', '86400'],
    ['half a second', { timeoutSeconds: 1.5 }, 'timeoutSeconds', 'whole'],
    ['a relative folder', { workingDirectory: 'work' }, 'workingDirectory', 'absolute'],
    ['a folder without a drive', { workingDirectory: '\\work' }, 'workingDirectory', 'absolute'],
    ['a Unix folder', { workingDirectory: '/tmp' }, 'workingDirectory', 'absolute'],
    ['a drive alone', { workingDirectory: 'C:' }, 'workingDirectory', 'absolute'],
    ['a folder with a quote', { workingDirectory: 'C:\\" & calc "' }, 'workingDirectory', '"'],
    ['a folder with a variable', { workingDirectory: 'C:\\%TEMP%' }, 'workingDirectory', '%'],
    ['a folder with a line break', { workingDirectory: 'C:\\a\nb' }, 'workingDirectory', 'control'],
    ['a long folder', { workingDirectory: `C:\\${'x'.repeat(238)}` }, 'workingDirectory', '240'],
    ['a key that is empty', { idempotencyKey: ' ' }, 'idempotencyKey', 'empty'],
    ['a long key', { idempotencyKey: 'x'.repeat(201) }, 'idempotencyKey', '200'],
  ])('%s: refused', async (_, over, field, fix) => {
    const vm = await anAssigned();

    const answer = await run(vm.id, over);

    expect(answer).toBeInstanceOf(InvalidInput);
    expect(answer).toMatchObject({ field, fix: expect.stringContaining(fix) });
    expect(await world.db.command.count({ where: { vmId: vm.id } })).toBe(0);
  });

  test.each(['C:\\', 'z:/in', `C:\\${'x'.repeat(237)}`])('%s is a folder', async (folder) => {
    const vm = await anAssigned();
    expect(taken(await run(vm.id, { workingDirectory: folder })).workingDirectory).toBe(folder);
  });

  test("what the guest's code page lacks is refused, and a way is named; a newer Windows takes it", async () => {
    const [old, young] = [await anAssigned(), await anAssigned()];
    await world.write((tx) => noteGuest(tx, old.id, 's', { build: '6.1.7601', codePage: 437 }));
    await world.write((tx) => noteGuest(tx, young.id, 's', { build: '10.0.26100', codePage: 437 }));

    expect(await run(old.id, { command: 'echo 日本' })).toMatchObject({
      field: 'command',
      fix: expect.stringMatching(/437.*UTF-8 file/),
    });
    expect(taken(await run(old.id, { command: 'echo é' })).status).toBe('QUEUED');
    expect(taken(await run(young.id, { command: 'echo 日本' })).status).toBe('QUEUED');
    expect((await guestsOf(world.db, [old.id, young.id, randomUUID()])).size).toBe(2);
  });
});

describe('an idempotency key', () => {
  test('gets the same command again, however many ask at once', async () => {
    const vm = await anAssigned();

    const answers = await Promise.all(Array.from({ length: 10 }, () => run(vm.id, { idempotencyKey: 'k' })));

    expect(new Set(answers.map((answer) => taken(answer).id)).size).toBe(1);
    expect((await told(vm.id)).map(({ kind }) => kind)).toEqual(['COMMAND_QUEUED']);
  });

  test('is of one VM, and of one command', async () => {
    const [one, two] = [await anAssigned(), await anAssigned()];
    const first = taken(await run(one.id, { idempotencyKey: 'k' }));

    expect(taken(await run(two.id, { idempotencyKey: 'k' })).id).not.toBe(first.id);
    expect(await run(one.id, { idempotencyKey: 'k', command: 'dir' })).toBeInstanceOf(Conflict);
  });
});

test('a thousand commands may wait, and one more is refused', async () => {
  const vm = await anAssigned();
  await world.db.command.createMany({
    data: Array.from({ length: 999 }, () => ({ id: randomUUID(), vmId: vm.id, command: 'ver', timeoutSeconds: 1 })),
  });

  const answers = await Promise.all([run(vm.id), run(vm.id), run(vm.id)]);

  expect(answers.filter((answer) => answer instanceof Conflict)).toHaveLength(2);
  expect(answers.find((answer) => answer instanceof Conflict)).toMatchObject({
    fix: expect.stringContaining('cancel some'),
  });
});

describe('cancelled', () => {
  test('while it waits: at once, and once', async () => {
    const vm = await anAssigned();
    const { id } = taken(await run(vm.id));

    const answers = await Promise.all([cancelCommand(world, { id }), cancelCommand(world, { id })]);

    expect(answers.filter((answer) => 'changed' in answer && answer.changed)).toHaveLength(1);
    expect(answers[0]).toMatchObject({ command: { status: 'CANCELLED', endedAt: expect.any(Date) } });
    expect((await told(vm.id)).at(-1)).toEqual({
      kind: 'COMMAND_ENDED',
      reason: 'cancelled before it was started',
      data: { commandId: id, status: 'CANCELLED', exitCode: null },
    });
  });

  test('while it runs: the guest is to be told', async () => {
    const vm = await anAssigned();
    const { id } = taken(await run(vm.id));
    await world.db.command.update({ where: { id }, data: { status: 'RUNNING', startedAt: new Date(), session: 's' } });

    expect(await cancelCommand(world, { id })).toMatchObject({ changed: true, command: { status: 'RUNNING' } });
    expect(await cancelCommand(world, { id })).toMatchObject({ changed: false });
    expect((await told(vm.id)).map(({ kind }) => kind)).toEqual(['COMMAND_QUEUED', 'COMMAND_CANCELLING']);
  });

  test('what is not there', async () => {
    expect(await cancelCommand(world, { id: randomUUID() })).toBeInstanceOf(NotFound);
    expect(await cancelCommand(world, { id: 'x' })).toBeInstanceOf(InvalidInput);
  });
});

test('a VM that is released ends its commands, those that wait and those that run', async () => {
  const vm = await anAssigned();
  const [waits, runs, done] = [taken(await run(vm.id)), taken(await run(vm.id)), taken(await run(vm.id))];
  await world.db.command.update({ where: { id: runs.id }, data: { status: 'RUNNING', startedAt: new Date() } });
  await cancelCommand(world, { id: done.id });

  await releaseVm(world, { id: vm.id });

  const reason = 'the VM was released';
  expect(await world.db.command.findMany({ where: { vmId: vm.id }, orderBy: { turn: 'asc' } })).toMatchObject([
    { id: waits.id, status: 'FAILED', reason },
    { id: runs.id, status: 'FAILED', reason },
    { id: done.id, status: 'CANCELLED' },
  ]);
  expect((await told(vm.id)).filter((event) => event.reason === reason).map(({ data }) => data)).toEqual(
    expect.arrayContaining([
      { commandId: waits.id, status: 'FAILED', exitCode: null },
      { commandId: runs.id, status: 'FAILED', exitCode: null },
    ]),
  );
  expect(await run(vm.id)).toBeInstanceOf(Conflict);
});

test("a VM's commands, newest first, page by page", async () => {
  const vm = await anAssigned();
  for (let n = 0; n < 5; n++) taken(await run(vm.id, { command: `echo ${n}` }));

  const first = await commandsOfVm(world.db, vm.id, { limit: 3 });
  const rest = await commandsOfVm(world.db, vm.id, { limit: 3, before: first[2] as Command });

  expect(first).toHaveLength(3);
  expect(new Set([...first, ...rest].map(({ id }) => id)).size).toBe(5);
  expect(first[0]?.createdAt.getTime()).toBeGreaterThanOrEqual(rest[0]?.createdAt.getTime() ?? 0);
  expect(
    (
      await outputOf(
        world.db,
        first.map(({ id }) => id),
      )
    ).size,
  ).toBe(0);
});

test('who waits for a command hears of its end, or stops waiting', async () => {
  const vm = await anAssigned();
  const command = taken(await run(vm.id));
  expect((await waitForCommand(world, command, 50)).status).toBe('QUEUED');

  const waiting = waitForCommand(world, command, 20_000);
  await cancelCommand(world, { id: command.id });

  expect((await waiting).status).toBe('CANCELLED');
  expect((await waitForCommand(world, command, 20_000)).status).toBe('CANCELLED');
});
