import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelCommand } from '../../src/actions/command/cancelCommand.js';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { guestToken } from '../../src/db/deployment.js';
import { Receptions } from '../../src/storage/receptions.js';
import { createShare } from '../../src/storage/share.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld } from '../support/world.js';
import { type GuestServer, guestConfig, startGuestServer } from './support/guestServer.js';
import { INSTALL, WineGuest } from './support/wine.js';

let server: GuestServer;
let wine: WineGuest;
beforeAll(async () => {
  server = await startGuestServer();
  wine = new WineGuest({ env: { VAPIORC_TEST_QUOTED: 'a "b" c' } });
  writeFileSync(join(wine.share, 'guest.cfg'), guestConfig({ server: server.url, role: 'golden' }));
  await wine.batch(INSTALL);
});
afterAll(async () => {
  wine?.close();
  await server?.close();
});

describe('the agent under Wine', () => {
  const run = async (command: string, over: Record<string, string> = {}) => {
    const id = over.id ?? randomUUID();
    const folder = join(wine.share, 'commands', id);
    mkdirSync(folder);
    if (over.script !== 'here') writeFileSync(join(folder, 'job.cmd'), command.replaceAll('\n', '\r\n'), 'latin1');
    server.order({ do: 'run', id, command, timeout: '60', directory: '', script: 'share', ...over });
    const read = (name: string) =>
      existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'latin1') : undefined;
    return { id, folder, read, result: () => server.awaitResult(id) };
  };

  test('is started by the Run key and reports ready', async () => {
    await wine.pullPlug();
    server.calls.length = 0;
    wine.exitCodes({});
    wine.write('recorder/route.txt', '          0.0.0.0          0.0.0.0      172.30.4.1      172.30.4.2     25\r\n');
    writeFileSync(join(wine.share, 'guest.cfg'), guestConfig({ server: 'http://127.0.0.1:1', fallback: server.url }));
    await wine.boot();
    const ready = await server.awaitCall('ready');
    expect(ready).toMatchObject({ phase: 'ready', user: expect.any(String), ip: '172.30.4.2' });
    expect(Math.abs(Date.parse(ready.clock ?? '') - Date.now())).toBeLessThan(10_000);
    const next = await server.awaitCall('next');
    expect(next).toEqual({ session: ready.session, wait: '25', running: '' });
  });

  test('gives the exit codes that commands end with', async () => {
    const commands = ['exit 7', 'exit /b 5', 'exit -1073741819', 'cd .\nexit /b 0', 'no-such-program-anywhere'];
    const jobs = [];
    for (const command of commands) jobs.push(await run(command));
    const results = await Promise.all(jobs.map((job) => job.result()));
    expect(results.map(({ state, exit }) => `${state} ${exit}`)).toEqual([
      'exited 7',
      'exited 5',
      'exited -1073741819',
      'exited 0',
      'exited 9009',
    ]);
    expect(jobs.at(-1)?.read('stderr')).toContain('no-such-program-anywhere');
  });

  test('brings both outputs to the share, with quotes and percent signs as they are', async () => {
    const quoted = await run('@echo off\necho %VAPIORC_TEST_QUOTED% 100%% ^& "x y"\necho to stderr 1>&2');
    const lines = await run('for /l %%i in (1,1,200) do echo line %%i');
    expect(await quoted.result()).toMatchObject({ state: 'exited', via: 'share', stdout: '22', stderr: '12' });
    expect(quoted.read('stdout')).toBe('a "b" c 100% & "x y"\r\n');
    expect(quoted.read('stderr')).toMatch(/^to stderr ?\r\n$/);
    await lines.result();
    expect(lines.read('stdout')).toBe(Array.from({ length: 200 }, (_, n) => `line ${n + 1}\r\n`).join(''));
  });

  test('shows what a command has written while it still runs, and ends it with all its children when it is cancelled', async () => {
    const job = await run('echo early\ncmd /d /c ping -n 60 127.0.0.1 >nul');
    await until('the early output', async () => job.read('stdout') === 'early\r\n');
    const next = await until('a next that says so', async () =>
      server.called('next').find(({ lines }) => lines[`output.${job.id}`] === '7,0'),
    );
    expect(next.lines).toMatchObject({ wait: '0', running: job.id });
    server.order({ do: 'cancel', id: job.id });
    expect(await job.result()).toMatchObject({ state: 'cancelled', stdout: '7' });
    expect(wine.recorded().at(-1)).toMatch(/^taskkill \/f \/t \/pid \d+$/);
  });

  test('ends a command that runs too long', async () => {
    const job = await run('ping -n 60 127.0.0.1 >nul', { timeout: '1' });
    expect(await job.result()).toMatchObject({ state: 'timeout' });
  });

  test('works in the directory that it is told, and says when there is none', async () => {
    const there = await run('cd', { directory: 'C:\\Program Files' });
    const missing = await run('cd', { directory: 'C:\\nowhere' });
    await there.result();
    expect(there.read('stdout')).toBe('C:\\Program Files\r\n');
    expect(await missing.result()).toMatchObject({ state: 'failed', reason: 'there is no such directory' });
  });

  test('sends the text when the share takes nothing', async () => {
    const away = join(wine.share, 'commands-away');
    renameSync(join(wine.share, 'commands'), away);
    const id = randomUUID();
    server.order({
      do: 'run',
      id,
      command: 'echo written here\necho twice 1>&2',
      timeout: '60',
      directory: '',
      script: 'share',
    });
    const result = await server.awaitResult(id);
    renameSync(away, join(wine.share, 'commands'));
    expect(result).toMatchObject({ state: 'exited', exit: '0', via: 'here', 'stdout.text': 'written here\r\n' });
    expect(result['stderr.text']).toMatch(/^twice ?\r\n$/);
  });

  test('copies a large output whole, and is heard meanwhile', async () => {
    const big = 'x'.repeat(64);
    wine.write('big.txt', `${big}\r\n`.repeat(40_000));
    const job = await run('type C:\\big.txt');
    const result = await job.result();
    expect(result).toMatchObject({ state: 'exited', via: 'share', stdout: String(66 * 40_000) });
    expect(job.read('stdout')?.length).toBe(66 * 40_000);
  });

  test('after the plug was pulled reports as lost what ran, and what was done but not told with its exit code', async () => {
    const job = await run('ping -n 60 127.0.0.1 >nul');
    await until('the start', async () => wine.read(`vapiorc/jobs/${job.id}/stdout`) !== undefined);
    await wine.pullPlug();
    const ended = randomUUID();
    wine.write(`vapiorc/jobs/${ended}/exit`, '3\r\n');
    wine.write(`vapiorc/jobs/${ended}/stdout`, 'all of it');
    server.calls.length = 0;
    await wine.boot();
    expect(await job.result()).toMatchObject({ state: 'lost' });
    expect(await server.awaitResult(ended)).toMatchObject({
      state: 'exited',
      exit: '3',
      stdout: '9',
      'stdout.text': 'all of it',
    });
  });

  test('lets Windows restart under another name', async () => {
    server.answering = ({ call }) => (call === 'ready' ? { do: 'rename', name: 'SPARE-7' } : undefined);
    server.forget();
    server.order({ do: 'none' });
    await until('the restart', async () => wine.recorded().includes('shutdown -r -t 0 -f'));
    server.answering = undefined;
    const key = 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\ComputerName';
    await wine.batch(`reg query ${key} /v ComputerName > C:\\name.txt`);
    expect(wine.read('name.txt')).toMatch(/REG_SZ\s+SPARE-7/);
  });

  test('does as the real server says: is admitted, runs commands, and is cut off when the VM is released', async () => {
    await wine.pullPlug();
    const uploads = mkdtempSync(join(tmpdir(), 'vapiorc-uploads-'));
    const world = await startWorld(
      {},
      { engine: { share: () => createShare({ root: wine.share, uploads, reserveBytes: 0 }, new Receptions()) } },
    );
    try {
      const { id } = await aVm(world.db, { status: 'BOOTING' });
      const token = guestToken(world.deployment, id);
      writeFileSync(join(wine.share, 'guest.cfg'), guestConfig({ server: world.url, id, token }));
      await wine.boot();
      const vm = () => world.db.vm.findUniqueOrThrow({ where: { id } });
      await until('the VM is ready', async () => (await vm()).status === 'READY');
      expect(await world.db.guest.findUniqueOrThrow({ where: { machineId: id } })).toMatchObject({
        build: '6.1.7601',
        codePage: 437,
        machineGuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      await world.db.vm.update({
        where: { id },
        data: { status: 'ASSIGNED', assignedTo: 'me', assignedAt: new Date() },
      });

      const run = async (command: string, over = {}) => {
        const row = await runCommand(world, { vmId: id, command, ...over });
        if (row instanceof Error) throw row;
        return row.id;
      };
      const ended = (commandId: string) =>
        until('the end of the command', async () => {
          const row = await world.db.command.findUniqueOrThrow({ where: { id: commandId }, include: { output: true } });
          return row.endedAt === null ? undefined : row;
        });
      const several = await Promise.all([
        run('echo "one" & echo two 1>&2\nexit /b 7'),
        run('for /l %%i in (1,1,200) do echo line %%i'),
        run('cd', { workingDirectory: 'C:\\windows' }),
        run('ping -n 60 127.0.0.1 >nul', { timeoutSeconds: 1 }),
      ]);
      const rows = await Promise.all(several.map(ended));
      expect(rows.map(({ status, exitCode }) => [status, exitCode])).toEqual([
        ['EXITED', 7],
        ['EXITED', 0],
        ['EXITED', 0],
        ['TIMED_OUT', null],
      ]);
      expect(rows[0]?.output).toMatchObject({ stdout: '"one" \r\n', stderr: expect.stringMatching(/^two ?\r\n$/) });
      expect(rows[1]?.output?.stdout.split('\r\n')).toHaveLength(201);
      expect(rows[2]?.output?.stdout).toBe('C:\\windows\r\n');

      const long = await run('echo early\nping -n 60 127.0.0.1 >nul');
      await until('the early output', async () => {
        const output = await world.db.commandOutput.findUnique({ where: { commandId: long } });
        return output?.stdout === 'early\r\n';
      });
      await cancelCommand(world, { id: long });
      expect((await ended(long)).status).toBe('CANCELLED');

      await releaseVm(world, { id });
      await until('the agent is cut off', async () => wine.read('vapiorc/agent.log')?.includes('answered 410'));
    } finally {
      await wine.pullPlug();
      await world.close();
      rmSync(uploads, { recursive: true });
    }
  });

  test('keeps its log, without the token', () => {
    expect(wine.read('vapiorc/agent.log')).toContain('starts as desktop');
    expect(wine.read('vapiorc/agent.log')).not.toContain('token-of-it');
  });
});
