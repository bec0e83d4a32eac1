import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelCommand } from '../../src/actions/command/cancelCommand.js';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { isTruncated } from '../../src/domain/command.js';
import { LIMITS } from '../../src/domain/limits.js';
import { Agent, type GuestReply, type GuestValues } from '../rest/support/agent.js';
import { type Shares, startShares } from '../rest/support/shares.js';
import { aVm } from '../support/rows.js';
import { stopClock } from '../support/stopClock.js';
import { startWorld, type World } from '../support/world.js';

let shares: Shares;
let world: World;
beforeAll(async () => {
  shares = startShares();
  world = await startWorld({}, { engine: { share: ({ id }) => shares.share(id) } });
});
beforeEach(() => world.empty());
afterAll(async () => {
  await world.close();
  shares.remove();
});

async function running(facts: GuestValues = {}, timeoutSeconds = 600) {
  const { id: vmId } = await aVm(world.db, { status: 'ASSIGNED' });
  const agent = new Agent(world, vmId);
  await agent.ready(facts);
  const command = await runCommand(world, { vmId, command: 'ver', timeoutSeconds });
  if (command instanceof Error) throw command;
  await agent.takes();
  const folder = shares.folder(vmId, 'commands', command.id);
  const wrote = (stream: 'stdout' | 'stderr', what: string | Buffer) => writeFileSync(join(folder, stream), what);
  return { vmId, agent, id: command.id, folder, wrote };
}

const commandOf = (id: string) => world.db.command.findUniqueOrThrow({ where: { id }, include: { output: true } });
const refused = (answer: GuestReply) => expect(answer).toMatchObject({ status: 400 });

test.each<[GuestValues, object]>([
  [{ exit: 0 }, { status: 'EXITED', exitCode: 0, reason: null }],
  [{ exit: -1 }, { status: 'EXITED', exitCode: -1 }],
  [{ exit: 2_147_483_647 }, { status: 'EXITED', exitCode: 2_147_483_647 }],
  [{ exit: -2_147_483_648 }, { status: 'EXITED', exitCode: -2_147_483_648 }],
  [{ state: 'timeout' }, { status: 'TIMED_OUT', exitCode: null, reason: 'it ran longer than 42 s and was ended' }],
  [{ state: 'cancelled' }, { status: 'CANCELLED', reason: 'cancelled while it ran' }],
  [{ state: 'lost' }, { status: 'FAILED', reason: 'the guest restarted while it ran' }],
  [
    { state: 'failed', reason: 'no\u0007 such \u202Efolder' },
    { status: 'FAILED', reason: 'it could not be started: no such folder' },
  ],
  [{ state: 'failed' }, { status: 'FAILED', reason: 'it could not be started: the guest did not say why' }],
])('%j: how it ended', async (values, expected) => {
  const { agent, id, vmId } = await running({}, 42);

  expect((await agent.result(id, values)).lines).toEqual({ do: 'ok' });

  const command = await commandOf(id);
  expect(command).toMatchObject({ ...expected, endedAt: expect.any(Date) });
  const { status, exitCode, reason } = command;
  expect(await world.db.event.findFirst({ where: { vmId, kind: 'COMMAND_ENDED' } })).toMatchObject({
    actor: 'guest',
    data: { commandId: id, status, exitCode },
    reason,
  });
});

describe('output', () => {
  test('is taken from the share, both streams, in the encodings that they are in', async () => {
    const { agent, id, wrote } = await running({ build: '10.0.26100', codepage: 850 });
    wrote('stdout', 'grüße 日本\r\n');
    wrote('stderr', Buffer.from([0x81, 0x20, 0x84, 0x0d, 0x0a])); // "ü ä" in 850
    await agent.result(id, { stdout: 16, stderr: 5 });

    expect(await commandOf(id)).toMatchObject({
      stdoutBytes: 16n,
      stderrBytes: 5n,
      output: { stdout: 'grüße 日本\r\n', stderr: 'ü ä\r\n' },
    });
  });

  test('is bounded, and says so', async () => {
    const { agent, id, wrote, folder } = await running();
    wrote('stdout', `${'x'.repeat(LIMITS.commandOutputBytes.value - 1)}ü and more`);
    wrote('stderr', 'e');
    truncateSync(join(folder, 'stderr'), 5 * 1024 ** 3); // sparse
    await agent.result(id, { stdout: LIMITS.commandOutputBytes.value + 10, stderr: 5 * 1024 ** 3 });

    const { stdoutBytes, stderrBytes, output } = await commandOf(id);
    expect(output?.stdout).toBe('x'.repeat(LIMITS.commandOutputBytes.value - 1));
    expect(output?.stderr).toHaveLength(LIMITS.commandOutputBytes.value);
    expect(stderrBytes).toBe(BigInt(5 * 1024 ** 3));
    expect([isTruncated(stdoutBytes, output?.stdout ?? ''), isTruncated(stderrBytes, output?.stderr ?? '')]).toEqual([
      true,
      true,
    ]);
  });

  test('of one byte over the limit is truncated even where the guest says less', async () => {
    const { agent, id, wrote } = await running();
    wrote('stdout', 'x'.repeat(LIMITS.commandOutputBytes.value + 1));
    await agent.result(id, { stdout: 5 });

    const { stdoutBytes, output } = await commandOf(id);
    expect(isTruncated(stdoutBytes, output?.stdout ?? '')).toBe(true);
  });

  test('comes with the result where the share takes nothing', async () => {
    const { agent, id } = await running();
    const text = 'x'.repeat(65_536);
    await agent.result(id, {
      via: 'here',
      stdout: 70_000,
      stderr: 9,
      'stdout.text': text,
      'stderr.text': 'ü\0\r\n%日',
    });

    const { stdoutBytes, stderrBytes, output } = await commandOf(id);
    expect(output).toMatchObject({ stdout: text, stderr: 'ü\uFFFD\r\n%日' });
    expect(isTruncated(stdoutBytes, text)).toBe(true);
    expect(isTruncated(stderrBytes, output?.stderr ?? '')).toBe(false);
  });

  test('that was there while it ran stays when the share is gone at the end', async () => {
    const { agent, id, wrote, folder } = await running();
    wrote('stdout', 'so far');
    await agent.next({ [`output.${id}`]: '6,0' });
    rmSync(folder, { recursive: true });
    await agent.result(id, { stdout: 100 });

    const { stdoutBytes, output } = await commandOf(id);
    expect(output?.stdout).toBe('so far');
    expect(isTruncated(stdoutBytes, 'so far')).toBe(true);
  });
});

describe('a guest that lies', () => {
  test("about another VM's command: nothing of it changes", async () => {
    const theirs = await running();
    const mine = await running();
    mine.wrote('stdout', 'forged');
    mkdirSync(shares.folder(mine.vmId, 'commands', theirs.id), { recursive: true });

    expect((await mine.agent.result(theirs.id, { exit: 1 })).lines).toEqual({ do: 'ok' });
    expect((await mine.agent.result(randomUUID())).lines).toEqual({ do: 'ok' });

    expect(await commandOf(theirs.id)).toMatchObject({ status: 'RUNNING', output: null });
  });

  test('with a result for what it was never given: nothing', async () => {
    const { vmId, agent } = await running();
    const waits = await runCommand(world, { vmId, command: 'ver' });
    if (waits instanceof Error) throw waits;
    await agent.result(waits.id, { exit: 0 });

    expect(await commandOf(waits.id)).toMatchObject({ status: 'QUEUED' });
  });

  test('with a second result: the first counts, also of many at once', async () => {
    const { vmId, agent, id } = await running();
    await Promise.all([1, 2, 3, 4, 5].map((exit) => agent.result(id, { exit, via: 'here', 'stdout.text': `${exit}` })));
    const { exitCode, output } = await commandOf(id);
    await agent.result(id, { exit: 99 });
    await agent.result(id, { state: 'lost' });

    expect(output?.stdout).toBe(`${exitCode}`);
    expect(await commandOf(id)).toMatchObject({ status: 'EXITED', exitCode });
    expect(await world.db.event.count({ where: { vmId, kind: 'COMMAND_ENDED' } })).toBe(1);
  });

  const lies: GuestValues[] = [
    { exit: 2_147_483_648 },
    { exit: -2_147_483_649 },
    { exit: 4_294_967_295 },
    { exit: '1e3' },
    { exit: '0x10' },
    { exit: 'NaN' },
    { exit: '' },
    { exit: '9'.repeat(400) },
    { stdout: -1 },
    { stdout: 'NaN' },
    { stdout: '9'.repeat(16) },
    { stderr: 1.5 },
    { stderr: 'Infinity' },
    { state: 'done' },
    { via: 'carrier pigeon' },
    { id: '../../../etc' },
    { id: '' },
    { session: '../x' },
    { reason: 'x'.repeat(201) },
    { via: 'here', 'stdout.text': 'x'.repeat(65_537) },
  ];
  test.each(lies.map((lie) => [JSON.stringify(lie).slice(0, 60), lie] as const))(
    'with %s: refused',
    async (_, values) => {
      const { agent, id } = await running();
      refused(await agent.result(id, values));
      expect((await commandOf(id)).status).toBe('RUNNING');
    },
  );

  test.each<[string, GuestValues]>([
    ['no session', { session: '' }],
    ['a wait that is none', { wait: 'soon' }],
    ['a negative wait', { wait: -1 }],
    ['a very long wait', { wait: 999 }],
    ['ids that are none', { running: '../../etc' }],
    ['too many ids', { running: Array.from({ length: LIMITS.guestPollIds.value + 1 }, () => randomUUID()).join(',') }],
    ['sizes that are none', { [`output.${randomUUID()}`]: '-1,NaN' }],
    ['gigantic sizes', { [`output.${randomUUID()}`]: `${'9'.repeat(16)},0` }],
  ])('in a poll, with %s: refused', async (_, values) => {
    const { agent } = await running();
    refused(await agent.next(values));
  });

  test('that sends too much is refused before it is read', async () => {
    const { agent, id } = await running();
    expect((await agent.call('next', `session=a\n${'#=x\n'.repeat(LIMITS.guestBodyBytes.value / 4)}`)).status).toBe(
      413,
    );
    expect(
      (await agent.call('result', `id=${id}\nstate=lost\nx=${'y'.repeat(LIMITS.guestResultBytes.value)}`)).status,
    ).toBe(413);
    expect((await agent.call('result', `id=${id}\nstate=lost\n${'\n'.repeat(LIMITS.guestLines.value)}`)).status).toBe(
      400,
    );
    expect((await commandOf(id)).status).toBe('RUNNING');
  });
});

test('hundreds of polls at once of one machine: fifty are heard, two of them wait, and others are served meanwhile', async () => {
  const loud = await running();
  const quiet = await running();
  await loud.agent.result(loud.id);
  stopClock()(1_000); // what it called until now counts no more
  const body = { session: loud.agent.session, wait: 3 };
  // The callers live in this process too: more of them only wait for each other, and their heads come late.
  const POLLS = 300;
  const polls = Array.from({ length: POLLS }, () => loud.agent.call('next', body));

  await quiet.agent.result(quiet.id, { exit: 5 });
  expect(await commandOf(quiet.id)).toMatchObject({ status: 'EXITED', exitCode: 5 });

  const answers = await Promise.all(polls);
  const heard = answers.filter(({ status }) => status === 200);
  expect(heard).toHaveLength(50);
  expect(heard.every(({ lines }) => lines.do === 'none')).toBe(true);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(POLLS - heard.length);
});

test('the token of a VM that was released is of no use in any call', async () => {
  const { vmId, agent, id } = await running();
  await cancelCommand(world, { id });
  await releaseVm(world, { id: vmId });

  for (const call of ['ready', 'next', 'result', 'progress']) expect((await agent.call(call, '')).status).toBe(410);
  expect(await commandOf(id)).toMatchObject({ status: 'FAILED', reason: 'the VM was released' });
});

test('nothing of a command, its output or a token gets into the log or the events', async () => {
  const { agent, id, wrote } = await running();
  wrote('stdout', 's3cr3t-output');
  await agent.next({ [`output.${id}`]: '13,0' });
  await agent.result(id, { exit: 'x', reason: 's3cr3t-output' });
  await agent.result(id, { stdout: 13 });

  expect((await commandOf(id)).output?.stdout).toBe('s3cr3t-output');
  const events = await world.db.event.findMany();
  expect(JSON.stringify(events, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toMatch(
    /s3cr3t|"ver"/,
  );
  expect(JSON.stringify(world.log)).not.toMatch(/s3cr3t|Bearer/);
});
