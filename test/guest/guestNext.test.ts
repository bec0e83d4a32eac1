import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Heartbeats } from '../../src/guest/heartbeats.js';
import { Agent } from '../rest/support/agent.js';
import { type Scene, startScene } from '../rest/support/scene.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';

let scene: Scene;
let world: World;
let shares: Scene['shares'];
let working: Scene['working'];
let run: Scene['run'];
let commandOf: Scene['commandOf'];
let anotherServer: Scene['anotherServer'];
beforeAll(async () => {
  scene = await startScene();
  ({ world, shares, working, run, commandOf, anotherServer } = scene);
});
beforeEach(() => world.empty());
afterAll(() => scene.close());

/** As if what was handed out had been handed out a while ago. */
const agoHandedOut = (id: string, seconds: number) =>
  world.db.command.update({ where: { id }, data: { startedAt: new Date(Date.now() - seconds * 1000) } });

describe('a command', () => {
  test('is handed out with its batch file on the share', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId, { command: 'echo "grüße" & dir\nver', workingDirectory: 'Z:\\in', timeoutSeconds: 7 });

    expect(await agent.takes()).toEqual({
      do: 'run',
      id,
      command: 'echo "grüße" & dir\nver',
      timeout: '7',
      directory: 'Z:\\in',
      script: 'share',
    });

    expect(readFileSync(join(shares.folder(vmId, 'commands', id), 'job.cmd'), 'utf8')).toBe(
      '@chcp 65001>nul\r\n@echo off\r\necho "grüße" & dir\r\nver\r\n',
    );
    expect(await commandOf(id)).toMatchObject({
      status: 'RUNNING',
      session: agent.session,
      startedAt: expect.any(Date),
    });
    const events = await world.db.event.findMany({ where: { vmId, kind: { startsWith: 'COMMAND' } } });
    expect(events.map(({ kind, data }) => [kind, data])).toEqual([
      ['COMMAND_QUEUED', { commandId: id }],
      ['COMMAND_STARTED', { commandId: id }],
    ]);
    expect((await agent.next()).lines).toEqual({ do: 'none' });
  });

  test.each([
    [437, 'echo ÄÖÜ ß é ½'],
    [850, 'echo Ã ø ¾'],
    [866, 'echo Привет'],
    [932, 'echo 日本語 表'],
  ])('is written and its output read in code page %i on an older Windows', async (codepage, text) => {
    const { vmId, agent } = await working({ build: '6.1.7601', codepage });
    const id = await run(vmId, { command: text });
    await agent.takes();
    const job = readFileSync(join(shares.folder(vmId, 'commands', id), 'job.cmd'));

    // What cmd.exe would do with it.
    const said =
      iconv
        .decode(job, `cp${codepage}`)
        .split('\r\n')[1]
        ?.replace(/^echo /, '') ?? '';
    const printed = iconv.encode(`${said}\r\n`, `cp${codepage}`);
    writeFileSync(join(shares.folder(vmId, 'commands', id), 'stdout'), printed);
    await agent.result(id, { stdout: printed.length });

    expect(await world.db.commandOutput.findUnique({ where: { commandId: id } })).toMatchObject({
      stdout: `${text.slice(5)}\r\n`,
      stderr: '',
    });
  });

  test('of 32 KiB of any characters gets there whole', async () => {
    const { vmId, agent } = await working();
    const command = Array.from({ length: 8 }, (_, n) => `${n}日"%^&🚀`.repeat(450))
      .join('\n')
      .padEnd(32_768, 'x');
    const id = await run(vmId, { command });

    expect((await agent.takes()).command).toBe(command);
    const job = readFileSync(join(shares.folder(vmId, 'commands', id), 'job.cmd'), 'utf8');
    expect(job.replaceAll('\r\n', '\n')).toBe(`@chcp 65001>nul\n@echo off\n${command}\n`);
  });

  test('comes with the answer where the share takes nothing', async () => {
    const { vmId, agent } = await working();
    const folder = shares.folder(vmId);
    writeFileSync(join(folder, 'commands'), 'a file in its way');
    const id = await run(vmId);
    expect(await agent.takes()).toMatchObject({ do: 'run', id, script: 'here' });
  });

  test('comes with the answer where there are no shares', async () => {
    const bare = await startWorld({}, { on: world });
    const { vmId, agent } = await working();
    await run(vmId);
    const told = await new Agent(bare, vmId).next({ session: agent.session });
    expect(told.lines).toMatchObject({ do: 'run', command: 'ver', script: 'here' });
    await bare.close();
  });

  test('is never written through a link that the guest has put in its way', async () => {
    const { vmId, agent } = await working();
    const elsewhere = shares.folder('elsewhere');
    symlinkSync(elsewhere, join(shares.folder(vmId), 'commands'));
    const id = await run(vmId);

    expect(await agent.takes()).toMatchObject({ do: 'run', script: 'here' });
    expect(existsSync(join(elsewhere, id))).toBe(false);
  });

  test('that the guest turns out not to be able to read is FAILED', async () => {
    const { id: vmId } = await aVm(world.db, { status: 'ASSIGNED' });
    const id = await run(vmId, { command: 'echo 日本' });
    const agent = new Agent(world, vmId);
    await agent.ready({ build: '5.1.2600', codepage: 437 });

    expect((await agent.next()).lines).toEqual({ do: 'none' });
    expect(await commandOf(id)).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('code page 437') });
  });

  test('waits for its turn: in order, eight at a time', async () => {
    const { vmId, agent } = await working();
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) ids.push(await run(vmId));

    const handed: unknown[] = [];
    for (let n = 0; n < 9; n++) handed.push((await agent.takes()).id);
    expect(handed).toEqual([...ids.slice(0, 8), undefined]);

    await agent.result(ids[3] as string);
    expect(await agent.takes()).toMatchObject({ do: 'run', id: ids[8] });
  });

  test('that is for another way into the guest is not the agent’s', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await world.db.command.update({ where: { id }, data: { transport: 'QEMU_GUEST_AGENT' } });

    expect((await agent.next()).lines).toEqual({ do: 'none' });
  });
});

describe('an answer that is lost', () => {
  test('is given again after some seconds, for the same run', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.next();

    expect((await agent.next()).lines).toEqual({ do: 'none' });
    await agoHandedOut(id, 6);
    // This server has told it just now; another one, or this one after its restart, has not.
    const restarted = await anotherServer();
    expect((await new Agent(restarted, vmId).next({ session: agent.session })).lines).toMatchObject({ do: 'run', id });
    await restarted.close();
    expect(await world.db.event.count({ where: { kind: 'COMMAND_STARTED' } })).toBe(1);
  });

  test('is given again by the server that gave it, to a poll that waits', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.next();

    const before = Date.now();
    expect((await agent.next({ wait: 20 })).lines).toMatchObject({ do: 'run', id });
    expect(Date.now() - before).toBeGreaterThan(4_000);
    expect(Date.now() - before).toBeLessThan(15_000);
  });
});

test('many polls at once hand each command out once', async () => {
  const { vmId, agent } = await working();
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) ids.push(await run(vmId));

  const answers = await Promise.all(Array.from({ length: 10 }, () => agent.next()));

  const handed = answers.flatMap(({ lines }) => lines.id ?? []);
  expect(handed.toSorted()).toEqual(ids.toSorted());
  expect(await world.db.command.count({ where: { vmId, status: 'RUNNING' } })).toBe(6);
});

const heartbeatsOptions = (unheardMs: number) => ({
  db: world.db,
  unheardMs,
  counts: true,
  listens: () => false,
  log: world.logger,
});

test('heartbeats are written together after a while', async () => {
  const { id: machineId } = await aVm(world.db, { status: 'ASSIGNED' });
  await new Agent(world, machineId).ready();
  const long = new Date(Date.now() - 3_600_000);
  await world.db.guest.update({ where: { machineId }, data: { seenAt: long } });
  const heartbeats = new Heartbeats(heartbeatsOptions(450));
  heartbeats.start();

  heartbeats.seen(machineId);
  heartbeats.seen('00000000-0000-4000-8000-000000000000');

  await until(
    'it is written',
    async () => (await world.db.guest.findFirstOrThrow({ where: { machineId } })).seenAt > long,
  );
  await heartbeats.stop();
});

test('after a stop no heartbeat is noted, nor written', async () => {
  const { id: machineId } = await aVm(world.db, { status: 'ASSIGNED' });
  await new Agent(world, machineId).ready();
  const long = new Date(Date.now() - 3_600_000);
  await world.db.guest.update({ where: { machineId }, data: { seenAt: long } });
  const heartbeats = new Heartbeats(heartbeatsOptions(9));
  heartbeats.start();
  await heartbeats.stop();

  heartbeats.seen(machineId);
  await heartbeats.stop();

  expect((await world.db.guest.findFirstOrThrow({ where: { machineId } })).seenAt).toEqual(long);
});

test('an agent that never reported who it is does not count as heard', async () => {
  const other = await anotherServer();
  const { id: machineId } = await aVm(world.db, { status: 'ASSIGNED' });
  const agent = new Agent(other, machineId);
  await agent.ready();
  const long = new Date(Date.now() - 3_600_000);
  await world.db.guest.update({ where: { machineId }, data: { seenAt: long } });

  expect((await agent.next({ session: 'another' })).lines).toEqual({ do: 'ready' });
  await agent.result('00000000-0000-4000-8000-000000000000', { session: 'another' });
  await other.end('heartbeats');

  expect((await world.db.guest.findUniqueOrThrow({ where: { machineId } })).seenAt).toEqual(long);
  await other.close();
});

test('a heartbeat is noted, later, without a write for each', async () => {
  const other = await anotherServer();
  const { id } = await aVm(world.db, { status: 'ASSIGNED' });
  const agent = new Agent(other, id);
  await agent.ready();
  const long = new Date(Date.now() - 3_600_000);
  await world.db.guest.update({ where: { machineId: id }, data: { seenAt: long } });

  for (let n = 0; n < 5; n++) await agent.next();
  expect((await world.db.guest.findUniqueOrThrow({ where: { machineId: id } })).seenAt).toEqual(long);
  await other.end('heartbeats');

  const { seenAt } = await world.db.guest.findUniqueOrThrow({ where: { machineId: id } });
  expect(Date.now() - seenAt.getTime()).toBeLessThan(10_000);
  await other.close();
});
