import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.js';
import { type AgentWorld, startAgentWorld } from './support/agentWorld.js';

let guest: AgentWorld;
let server: AgentWorld['server'];
let windows: AgentWorld['windows'];
beforeEach(async () => {
  guest = await startAgentWorld();
  ({ server, windows } = guest);
});
afterEach(() => guest.close());

describe('runs a command', () => {
  test('from the share, in its directory, and brings both outputs and the exit code', async () => {
    const id = randomUUID();
    const folder = join(windows.share, 'commands', id);
    mkdirSync(folder);
    mkdirSync(join(windows.drive, 'work'));
    writeFileSync(join(folder, 'job.cmd'), 'out \x82a\r\nerr b\r\nwait 300\r\nexit -1073741819\r\n', 'latin1');
    const agent = windows.start();
    guest.order('exit 1', { id, script: 'share', directory: 'C:\\work' });
    const result = await server.awaitResult(id);
    const { session } = await server.awaitCall('ready');
    expect(result).toEqual({
      session,
      id,
      state: 'exited',
      exit: '-1073741819',
      stdout: '2',
      stderr: '1',
      via: 'share',
    });
    expect(readFileSync(join(folder, 'stdout'), 'latin1')).toBe('\x82a');
    expect(agent.deeds.find(({ exec }) => exec)).toMatchObject({
      exec: `cmd.exe /d /c C:\\vapiorc\\jobs\\${id}\\run.cmd`,
      directory: 'C:\\work',
    });
    expect(windows.read(`vapiorc/jobs/${id}/run.cmd`)?.split('\r\n')[1]).toBe(
      `cmd.exe /d /q /c C:\\vapiorc\\jobs\\${id}\\job.cmd <nul >C:\\vapiorc\\jobs\\${id}\\stdout 2>C:\\vapiorc\\jobs\\${id}\\stderr`,
    );
  });

  test('once, however often it is handed out', async () => {
    const agent = windows.start();
    const job = guest.order('wait 3000\nexit 0');
    guest.order('exit 1', { id: job.id });
    await server.awaitResult(job.id);
    guest.order('exit 1', { id: job.id });
    const other = guest.order('exit 4');
    expect(await server.awaitResult(other.id)).toMatchObject({ exit: '4' });
    expect(agent.deeds.filter(({ exec }) => exec?.includes(job.id))).toHaveLength(1);
    // It is told again what became of it, in case that was lost.
    const told = server.called('result').filter(({ lines }) => lines.id === job.id);
    expect(told.map(({ lines }) => lines.exit)).toEqual(['0', '0']);
  });

  test.each([
    ['10240', '', 'out \x82'],
    ['26100', '@chcp 65001>nul\r\n', 'out \x82'],
  ])('writes other letters as cmd.exe reads them (build %s)', async (CurrentBuildNumber, before, line) => {
    const agent = windows.start({ registry: { CurrentBuildNumber } });
    const job = guest.order('out \u00e9\nexit 0');
    await server.awaitResult(job.id);
    expect(windows.read(`vapiorc/jobs/${job.id}/job.cmd`)).toBe(`${before}${line}\r\nexit 0\r\n`);
    const chcp = before === '' ? '' : 'chcp 65001>nul&';
    const path = `C:\\vapiorc\\jobs\\${job.id}\\job.cmd`;
    expect(agent.runs()).toContain(`cmd.exe /d /a /c ${chcp}type ${path}.unicode > ${path}`);
  });

  test('with seven others at the same time, and no ninth', async () => {
    const agent = windows.start();
    const jobs = Array.from({ length: 9 }, () => guest.order('wait 20000\nexit 0'));
    await Promise.all(jobs.slice(0, 8).map(({ id }) => server.awaitResult(id)));
    const asked = server.called('next').map(({ lines }) => (lines.running ? lines.running.split(',').length : 0));
    expect(Math.max(...asked)).toBe(8);
    expect(agent.deeds.filter(({ exec }) => exec)).toHaveLength(8);
    // The server hands it out again.
    const ninth = jobs[8];
    guest.order('exit 0', { id: ninth?.id ?? '' });
    await server.awaitResult(ninth?.id ?? '');
  });

  test('does not wait while it runs, and says how much is on the share', async () => {
    windows.start();
    const job = guest.order('out 12345\nwait 5000\nerr xyz\nwait 5000\nexit 0');
    await server.awaitResult(job.id);
    const next = server.called('next').filter(({ lines }) => lines.running === job.id);
    expect(new Set(next.map(({ lines }) => lines.wait))).toEqual(new Set(['0']));
    const said = next.map(({ lines }) => lines[`output.${job.id}`]);
    expect([...new Set(said)].filter(Boolean)).toEqual(['0,0', '5,0', '5,3']);
  });

  test('copies what grows only up to its limit, and all of it at the end', async () => {
    windows.start();
    const job = guest.order('big 262144\nwait 5000\nbig 1\nwait 5000\nbig 2000000\nexit 0');
    const result = await server.awaitResult(job.id);
    expect(result).toMatchObject({ stdout: '2262145', via: 'share' });
    expect(job.read('stdout').length).toBe(2_262_145);
    const said = new Set(server.called('next').map(({ lines }) => lines[`output.${job.id}`]));
    expect(said).not.toContain('262145,0');
    expect(said).toContain('262144,0');
  });

  test('ends it after its time, and with its children', async () => {
    const agent = windows.start();
    const job = guest.order('out some\nwait 600000\nexit 0', { timeout: '7' });
    expect(await server.awaitResult(job.id)).toMatchObject({ state: 'timeout', stdout: '4' });
    expect(agent.runs()).toContain('taskkill /f /t /pid 1000');
  });

  test('ends it when it is cancelled', async () => {
    const agent = windows.start();
    const job = guest.order('wait 600000\nexit 0');
    await until('the start', async () => agent.deeds.some(({ exec }) => exec));
    server.order({ do: 'cancel', id: job.id });
    const result = await server.awaitResult(job.id);
    expect(result).toMatchObject({ state: 'cancelled' });
    expect(result).not.toHaveProperty('exit');
  });

  test('calls one lost that it is to cancel and does not know', async () => {
    windows.start();
    const id = randomUUID();
    server.order({ do: 'cancel', id });
    expect(await server.awaitResult(id)).toMatchObject({ id, state: 'lost' });
  });

  test('calls one lost whose process somebody else ended', async () => {
    windows.start();
    const job = guest.order('out a\nvanish');
    expect(await server.awaitResult(job.id)).toMatchObject({ state: 'lost', stdout: '1' });
  });

  test.each([
    [{ directory: 'C:\\nowhere' }, 'there is no such directory'],
    [{ directory: '\\\\host.lan\\Data\\in' }, 'cmd.exe can not work in a network folder: give one with a drive letter'],
    [{ timeout: 'long' }, 'the timeout is not a number of seconds'],
    [{ timeout: '-1' }, 'the timeout is not a number of seconds'],
  ])('says why it can not start it: %j', async (over: Record<string, string>, reason) => {
    windows.start();
    const job = guest.order('exit 0', over);
    expect(await server.awaitResult(job.id)).toMatchObject({ state: 'failed', reason });
  });

  test('keeps a result until it is taken, and drops one that is refused', async () => {
    let n = 0;
    server.answering = ({ call }) => (call === 'result' && ++n < 4 ? { status: 500 } : undefined);
    windows.start();
    const job = guest.order('exit 3');
    await until('four results', async () => server.called('result').length === 4);
    server.answering = ({ call }) => (call === 'result' ? { status: 413 } : undefined);
    const refused = guest.order('exit 4');
    await server.awaitResult(refused.id);
    await server.awaitCall('next', server.called('next').length + 2);
    expect(server.called('result').map(({ lines }) => lines.id)).toEqual([job.id, job.id, job.id, job.id, refused.id]);
    const last = server.called('next').at(-1);
    expect(last?.lines.running).toBe('');
  });
});

describe('without the share', () => {
  test.each(['gone', 'readonly'] as const)('sends what the command wrote as text, decoded (%s)', async (state) => {
    windows.start();
    await server.awaitCall('next');
    windows.shareIs = state;
    const job = guest.order('out caf\u00e9\nerr oops\nexit 0');
    expect(await server.awaitResult(job.id)).toMatchObject({
      via: 'here',
      stdout: '4',
      stderr: '4',
      'stdout.text': 'caf\u00e9',
      'stderr.text': 'oops',
    });
  });

  test('sends the beginning only, and never more than a call may hold', async () => {
    windows.start();
    await server.awaitCall('next');
    windows.shareIs = 'gone';
    const long = guest.order('big 100000\nexit 0');
    const result = await server.awaitResult(long.id);
    expect(result.stdout).toBe('100000');
    expect(result['stdout.text']).toHaveLength(65_536);
    const wide = guest.order(
      `${'out \u00e9'.padEnd(70_000, '\u00e9')}\n${'err \u00e9'.padEnd(70_000, '\u00e9')}\nexit 0`,
    );
    await server.awaitResult(wide.id);
    const body = server.called('result').at(-1)?.body ?? '';
    expect(body.length).toBeLessThan(512 * 1024);
    expect(body.length).toBeGreaterThan(400_000);
  });

  test('writes the script itself when it can not fetch it', async () => {
    windows.start();
    await server.awaitCall('next');
    windows.shareIs = 'gone';
    const job = guest.order('out "a" 100% ^& b\nexit 0', { script: 'share' });
    expect(await server.awaitResult(job.id)).toMatchObject({ via: 'here', 'stdout.text': '"a" 100% ^& b' });
  });
});
