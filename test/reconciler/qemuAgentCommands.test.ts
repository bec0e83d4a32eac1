import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { cancelCommand } from '../../src/actions/command/cancelCommand.js';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { createVm } from '../../src/actions/vm/createVm.js';
import type { Command } from '../../src/db/commands.js';
import { leadOf } from '../../src/db/lead.js';
import { createWrite } from '../../src/db/write.js';
import { Unavailable } from '../../src/domain/errors.js';
import type { Lead } from '../../src/domain/lead.js';
import { RECONCILER } from '../../src/domain/principal.js';
import type { QemuAgent } from '../../src/domain/qemuAgent.js';
import { Loop } from '../../src/primitives/loop.js';
import { agentOn } from '../../src/provisioner/qga/openQemuAgent.js';
import { QemuAgentCommands } from '../../src/reconciler/qemuAgentCommands.js';
import { aGuestAgent, removeGuestFiles } from '../provisioner/aGuestAgent.js';
import { ALONE } from '../support/alone.js';
import { anImage, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

afterAll(removeGuestFiles);

let world: StepWorld;
let vmId: string;
let opened = 0;
const stops: (() => Promise<void>)[] = [];
/** What the provisioner answers: the agent of every VM, unless a test changes it. */
let qemuAgent: StepWorld['provisioner']['qemuAgent'];
beforeAll(async () => {
  world = await createStepWorld();
  world.deps.provisioner = { ...world.provisioner, qemuAgent: (id) => qemuAgent(id) };
});
afterAll(() => world.close());
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
beforeEach(async () => {
  vmId = (await aVm(world.db, { status: 'ASSIGNED' })).id;
  opened = 0;
  qemuAgent = async () => {
    opened++;
    return agentOn(aGuestAgent(), ALONE);
  };
});

async function ask(command: string, also: Partial<Parameters<typeof runCommand>[1]> = {}): Promise<Command> {
  const deps = { ...world, qemuAgent: true };
  const asked = await runCommand(deps, { vmId, command, transport: 'QEMU_GUEST_AGENT', ...also });
  if (asked instanceof Error) throw asked;
  return asked;
}
const found = (id: string) => world.db.command.findUniqueOrThrow({ where: { id }, include: { output: true } });
const status = (id: string, wanted: Command['status']) =>
  until(`the command is ${wanted}`, async () => {
    const command = await found(id);
    return command.status === wanted ? command : undefined;
  });

/** A runner that looks again and again. */
function running(): { stop: () => Promise<void> } {
  const runner = new QemuAgentCommands(world.deps);
  const loop = new Loop({ name: 'test', everyMs: 50, pass: () => runner.pass(), log: world.log });
  loop.start();
  const stop = async () => {
    await loop.stop();
    await runner.stop();
  };
  stops.push(stop);
  return { stop };
}

test('commands run one connection a VM, and end with their code and their output', async () => {
  running();
  const asked = await Promise.all([ask('echo one; echo wrong >&2; exit 3'), ask('sleep 0.3; printf two')]);

  const [one, two] = await Promise.all(asked.map(({ id }) => status(id, 'EXITED')));

  expect(one).toMatchObject({ exitCode: 3, stdoutBytes: 4n, stderrBytes: 6n, reason: null });
  expect(one?.output).toMatchObject({ stdout: 'one\n', stderr: 'wrong\n' });
  expect(two).toMatchObject({ exitCode: 0, output: { stdout: 'two' } });
  expect(opened).toBeLessThanOrEqual(2);
  const kinds = (await world.db.event.findMany({ where: { vmId }, orderBy: { seq: 'asc' } })).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual([
    'COMMAND_ENDED',
    'COMMAND_ENDED',
    'COMMAND_QUEUED',
    'COMMAND_QUEUED',
    'COMMAND_STARTED',
    'COMMAND_STARTED',
  ]);
});

test('of long output the beginning is kept', async () => {
  running();
  const { id } = await ask('head -c 1000000 /dev/zero | tr "\\0" x');

  const { output, stdoutBytes } = await status(id, 'EXITED');

  expect(stdoutBytes).toBe(1_000_000n);
  expect(output?.stdout).toBe('x'.repeat(262_144));
});

test('a command is ended when its time is over, and when it is cancelled', async () => {
  running();
  const slow = await ask('echo begun; sleep 600', { timeoutSeconds: 1 });
  const unwanted = await ask('sleep 600');
  await status(unwanted.id, 'RUNNING');
  await cancelCommand(world, { id: unwanted.id });

  expect(await status(slow.id, 'TIMED_OUT')).toMatchObject({ exitCode: null, output: { stdout: 'begun\n' } });
  expect(await status(unwanted.id, 'CANCELLED')).toMatchObject({ exitCode: null });
});

test('more commands than may run at once wait for their turn', async () => {
  running();
  const asked: Command[] = [];
  for (let at = 0; at < 12; at++) asked.push(await ask(`sleep 0.2; echo ${at}`));

  const ended = await Promise.all(asked.map(({ id }) => status(id, 'EXITED')));

  expect(ended.map(({ output }) => output?.stdout)).toEqual(asked.map((_command, at) => `${at}\n`));
});

test('a command waits while no agent answers', async () => {
  let asked = 0;
  qemuAgent = async () => {
    asked++;
    return new Unavailable('guest', 'it does not answer', 'Wait.');
  };
  const runner = running();
  const { id } = await ask('true');

  await until('it was asked', async () => asked > 0);
  await runner.stop();

  expect((await found(id)).status).toBe('QUEUED');
  qemuAgent = async () => agentOn(aGuestAgent(), ALONE);
  running();
  await status(id, 'EXITED');
});

test('a command whose connection breaks has failed, and says so', async () => {
  const channel = aGuestAgent();
  qemuAgent = async () => agentOn(channel, ALONE);
  running();
  const { id } = await ask('sleep 600', { timeoutSeconds: 600 });
  await status(id, 'RUNNING');
  channel.destroy();

  expect(await status(id, 'FAILED')).toMatchObject({ reason: expect.stringContaining('closed') });
});

test('what ran when the server was stopped is given up by the next', async () => {
  const runner = running();
  const { id } = await ask('sleep 600');
  await status(id, 'RUNNING');
  await runner.stop();
  expect((await found(id)).status).toBe('RUNNING');

  running();

  expect(await status(id, 'FAILED')).toMatchObject({ reason: expect.stringContaining('restarted') });
});

test('a server that was frozen since it claimed a command does not run it once another leads', async () => {
  const { db, deps } = world;
  const term = { where: { id: 1 }, data: { term: { increment: 1 } } };
  const begun = (await db.leaderTerm.update(term)).term;
  const mine = leadOf(db, begun, new AbortController().signal);
  const ledBy = (lead: Lead, terms: bigint) => ({
    ...deps,
    write: createWrite(db, () => {}, { term: terms })(RECONCILER),
    provisioner: { ...deps.provisioner, qemuAgent: () => agentOn(aGuestAgent(ends), lead) },
  });
  let isOver = false;
  const ends = (_execute: string, { arg }: { arg?: string[] }) => {
    if (arg?.[1]?.startsWith('rm ')) isOver = true;
    return undefined;
  };
  const confirm = async () => {
    // While it was frozen.
    const next = (await db.leaderTerm.update(term)).term;
    const other = new QemuAgentCommands(ledBy(leadOf(db, next, new AbortController().signal), next));
    await other.pass();
    await other.stop();
    return mine.confirm();
  };
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-qga-'));
  const { id } = await ask(`mkdir ${folder}/ran`);
  const frozen = new QemuAgentCommands(ledBy({ term: begun, confirm }, begun));
  await frozen.pass();
  await until('it has taken its script away', async () => isOver);
  await frozen.stop();

  expect(await readdir(folder)).toEqual([]);
  expect(await found(id)).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('restarted') });
  await rm(folder, { recursive: true });
});

test('a stop does not wait for a channel that is just opening, which is closed when it opens', async () => {
  let open: (agent: QemuAgent) => void = () => {};
  let asked = false;
  let closed = false;
  qemuAgent = () => {
    asked = true;
    return new Promise((resolve) => {
      open = resolve;
    });
  };
  const runner = running();
  const { id } = await ask('true');
  await until('it is opening', async () => asked);

  await runner.stop();

  const close = () => {
    closed = true;
  };
  open({ system: 'other', run: () => Promise.reject(new Error('it is closed')), close });
  await until('it is closed', async () => closed);
  expect((await found(id)).status).toBe('QUEUED');
});

test('commands of the other transport are left alone', async () => {
  const runner = running();
  const other = await ask('true', { transport: 'AGENT' });
  const { id } = await ask('true');
  await status(id, 'EXITED');
  await runner.stop();

  expect((await found(other.id)).status).toBe('QUEUED');
});

test('where it is switched off a command is refused at once', async () => {
  const refused = await runCommand(world, { vmId, command: 'ver', transport: 'QEMU_GUEST_AGENT' });

  expect(refused).toMatchObject({
    code: 'UNAVAILABLE',
    part: 'guest',
    fix: expect.stringContaining('VAPIORC_QEMU_AGENT'),
  });
});

test('the reconciler runs them, soon after they were asked for', async () => {
  await world.db.command.deleteMany({ where: { status: { in: ['QUEUED', 'RUNNING'] } } });
  await world.db.vm.updateMany({
    data: { status: 'DESTROYED', cleanedAt: new Date(), endpoint: null, engineId: null },
  });
  await world.db.pool.updateMany({ data: { hotSpares: 0 } });
  await anImage(world.db);
  const vm = await createVm(world, { vmType: '11' });
  if (vm instanceof Error) throw vm;
  vmId = vm.id;
  world.reconcile();
  await until(
    'the VM is ready',
    async () => (await world.db.vm.findUnique({ where: { id: vmId } }))?.status === 'READY',
  );

  const startedMs = Date.now();
  const { id } = await ask('echo soon');

  expect((await status(id, 'EXITED')).output?.stdout).toBe('soon\n');
  expect(Date.now() - startedMs).toBeLessThan(4000);
});
