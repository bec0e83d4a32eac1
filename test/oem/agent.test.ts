import { existsSync } from 'node:fs';
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

describe('says who it is', () => {
  const registry = {
    ProductName: 'Windows 10 Pro',
    CurrentBuildNumber: '26100',
    CurrentVersion: '6.3',
    CurrentMajorVersionNumber: '10',
    CurrentMinorVersionNumber: '0',
    MachineGuid: '214d4d3c-88ee-4866-a024-f506e3817920',
    OEMCP: '850',
  };

  test('with all it knows, and Windows 11 by its right name', async () => {
    windows.start({ registry });
    const ready = await server.awaitCall('ready');
    expect(ready).toEqual({
      phase: 'ready',
      session: expect.stringMatching(/^[0-9a-f]{32}$/),
      agent: '1.0.0',
      windows: 'Windows 11 Pro',
      build: '10.0.26100',
      computer: 'WIN-\u00c4\u0416 1',
      guid: registry.MachineGuid,
      user: 'somebody',
      ip: '172.30.4.2',
      codepage: '850',
      clock: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(Math.abs(Date.parse(ready.clock ?? '') - Date.now())).toBeLessThan(60_000);
    expect(server.calls[0]?.token).toBe('token-of-it');
  });

  test('as the older ones keep it, without what is missing, and bounded', async () => {
    const name = 'Microsoft Windows XP'.padEnd(300, '!');
    windows.start({ registry: { ProductName: name, CurrentBuildNumber: '2600', CurrentVersion: '5.1' } });
    const ready = await server.awaitCall('ready');
    expect(ready).toMatchObject({ windows: name.slice(0, 200), build: '5.1.2600' });
    expect(ready).not.toHaveProperty('guid');
  });

  test('and then waits for work, as the session that it reported', async () => {
    windows.start();
    const { session } = await server.awaitCall('ready');
    expect(await server.awaitCall('next')).toEqual({ session, wait: '25', running: '' });
    await server.awaitCall('next', 3);
    expect(server.called('ready')).toHaveLength(1);
  });

  test('again when the server does not know the session', async () => {
    windows.start();
    await server.awaitCall('next');
    server.forget();
    await server.awaitCall('ready', 2);
  });
});

describe('for install.bat', () => {
  test.each([
    [['installed'], { phase: 'installed' }],
    [
      ['failed', 'never sleep', 'powercfg: exit code 1'],
      { phase: 'failed', step: 'never sleep', reason: 'powercfg: exit code 1' },
    ],
  ])('tries %j until it is heard', async (args, lines) => {
    let n = 0;
    server.answering = () => (++n < 4 ? { status: 503 } : undefined);
    const agent = windows.start({ args });
    expect(await agent.quits()).toBe(0);
    expect(server.called('ready')).toHaveLength(4);
    expect(server.called('ready')[3]?.lines).toMatchObject(lines);
    expect(agent.requestSeconds()).toEqual([0, 1, 3, 7]);
  });

  test('says how far it is once, and does not mind when nobody listens', async () => {
    server.answering = () => ({ status: 500 });
    expect(await windows.start({ args: ['progress', 'never sleep', '5', '9'] }).quits()).toBe(0);
    expect(server.calls.map(({ call, lines }) => [call, lines])).toEqual([
      ['progress', { step: 'never sleep', done: '5', of: '9' }],
    ]);
    windows.shareIs = 'gone';
    expect(await windows.start({ args: ['progress', 'never sleep', '5', '9'] }).quits()).toBe(0);
  });

  test('ends when the server will never take the report', async () => {
    server.answering = () => ({ status: 400 });
    expect(await windows.start({ args: ['installed'] }).quits()).toBe(2);
  });
});

describe('tries again', () => {
  test('for ever, twice as late each time, 30 s at most', async () => {
    server.answering = () => ({ status: 500 });
    const agent = windows.start();
    await server.awaitCall('ready', 9);
    expect(agent.requestSeconds().slice(0, 9)).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121]);
  });

  test('as soon as at first once it was heard', async () => {
    let n = 0;
    server.answering = ({ call }) => (++n < 4 || (call === 'next' && n < 8) ? { status: 502 } : undefined);
    const agent = windows.start();
    await server.awaitCall('next', 5);
    const seconds = agent.requestSeconds();
    expect(seconds.slice(0, 4)).toEqual([0, 1, 3, 7]);
    expect((seconds[5] ?? 0) - (seconds[4] ?? 0)).toBe(1);
  });

  test('when the share or half of the settings is not there yet', async () => {
    windows.shareIs = 'gone';
    windows.start();
    await until('the log', async () => windows.read('vapiorc/agent.log')?.includes('speaks to the server'));
    windows.configure('server=http%3A%2F%2F127.0.0.1%3A1\r\n');
    windows.shareIs = 'all';
    guest.configure({ token: 'later' });
    await server.awaitCall('ready');
    expect(server.calls[0]?.token).toBe('later');
  });

  test('at the fallback when the server does not answer, and stays with the one that does', async () => {
    guest.configure({ server: 'http://127.0.0.1:1', fallback: server.url });
    const agent = windows.start();
    await server.awaitCall('next', 2);
    const urls = agent.deeds.flatMap(({ url }) => (url === undefined ? [] : [new URL(url).origin]));
    expect(urls.slice(0, 4)).toEqual(['http://127.0.0.1:1', server.url, server.url, server.url]);
  });

  test.each([401, 404, 410])(
    'with new settings, after half a minute, when it is told that it is not known (%i)',
    async (status) => {
      server.answering = ({ token }) => (token === 'new' ? undefined : { status });
      const agent = windows.start();
      await server.awaitCall('ready');
      guest.configure({ token: 'new' });
      await server.awaitCall('next');
      expect(server.called('ready').map(({ token }) => token)).toEqual(['token-of-it', 'new']);
      expect(agent.requestSeconds()[1]).toBe(30);
    },
  );

  test('after as long as it is told when it calls too often', async () => {
    let n = 0;
    server.answering = () => (++n === 1 ? { status: 429, retryAfter: 17 } : undefined);
    const agent = windows.start();
    await server.awaitCall('ready', 2);
    expect(agent.requestSeconds()[1]).toBe(17);
  });
});

describe('does not trust the answers', () => {
  test.each([
    ['do=run\nid=..%5C..%5Cevil\ncommand=exit%200\ntimeout=5\nscript=here\n'],
    ['do=run\nid=C:\\windows\ncommand=x\ntimeout=5\n'],
    ['do=cancel\nid=*\n'],
    ['do=run\ncommand=x\n'],
    ['do=format\n'],
    ['do=%E0%A4%A\n'],
    ['<html>no</html>'],
    [''],
    ['do=sync\ntime=never\n'],
    ['do=none\n'],
  ])('%j changes nothing, and is not asked for again at once', async (raw) => {
    server.answering = ({ call }) => (call === 'next' ? { raw } : undefined);
    const agent = windows.start();
    await server.awaitCall('next', 4);
    const seconds = agent.requestSeconds();
    expect((seconds[4] ?? 0) - (seconds[1] ?? 0)).toBeGreaterThanOrEqual(3);
    expect(agent.deeds.filter(({ exec, regWrite, wmi }) => exec ?? regWrite ?? wmi)).toEqual([]);
    expect(existsSync(join(windows.drive, 'vapiorc/jobs'))).toBe(false);
    expect(agent.faults).toEqual([]);
  });

  test.each(['', 'has blank', 'a'.repeat(16), '..\\x', '& del'])('%j is no name for a computer', async (name) => {
    let n = 0;
    server.answering = ({ call }) => (call === 'ready' && ++n < 3 ? { do: 'rename', name } : undefined);
    const agent = windows.start();
    await server.awaitCall('ready', 2);
    expect(agent.runs().filter((line) => line.startsWith('shutdown'))).toEqual([]);
    expect(agent.requestSeconds()[1]).toBe(30);
  });
});

describe('is told to', () => {
  test('set its clock: by WMI, in UTC, and reports again at once', async () => {
    const right = Date.UTC(2031, 0, 2, 3, 4, 5);
    let n = 0;
    server.answering = ({ call }) => (call === 'ready' && ++n === 1 ? { do: 'sync', time: String(right) } : undefined);
    const agent = windows.start();
    const again = await server.awaitCall('ready', 2);
    const wmi = agent.deeds.filter((deed) => deed.wmi ?? deed.privilege);
    expect(wmi).toEqual([
      { privilege: 11 },
      { wmi: 'root\\cimv2 SELECT * FROM Win32_OperatingSystem SetDateTime 20310102030405.000000+000' },
    ]);
    expect(Math.abs(Date.parse(again.clock ?? '') - right)).toBeLessThan(3000);
    await server.awaitCall('next');
    expect(agent.runs().filter((line) => line.startsWith('w32tm'))).toEqual([]);
  });

  test('set its clock: by the time service where WMI does not help, and reports again after 10 s', async () => {
    let n = 0;
    const time = String(Date.now() + 3_600_000);
    server.answering = ({ call }) => (call === 'ready' && ++n === 1 ? { do: 'sync', time } : undefined);
    const agent = windows.start({ wmi: false });
    await server.awaitCall('ready', 2);
    expect(agent.runs()).toEqual(expect.arrayContaining(['net start w32time', 'w32tm /resync /force']));
    expect(agent.requestSeconds()[1]).toBe(10);
  });

  test('leave a clock that is right', async () => {
    let n = 0;
    server.answering = ({ call }) =>
      call === 'ready' && ++n === 1 ? { do: 'sync', time: String(Date.now() + 500) } : undefined;
    const agent = windows.start();
    await server.awaitCall('ready', 2);
    expect(agent.deeds.filter(({ wmi }) => wmi)).toEqual([]);
  });

  test('take another name, with one restart, and a second one if the name did not last, but no third', async () => {
    server.answering = ({ call }) => (call === 'ready' ? { do: 'rename', name: 'SPARE-1' } : undefined);
    const deeds = [];
    for (let start = 1; start <= 3; start++) {
      const agent = windows.start();
      await server.awaitCall('ready', server.called('ready').length + 2);
      await agent.stop();
      deeds.push(
        agent.deeds.flatMap(({ wmi, regWrite, run }) =>
          [wmi, regWrite, run?.startsWith('shutdown') ? run : undefined].filter(Boolean),
        ),
      );
    }
    const control = 'HKLM\\SYSTEM\\CurrentControlSet\\';
    const byHand = [
      `${control}Control\\ComputerName\\ComputerName\\ComputerName=SPARE-1`,
      `${control}Services\\Tcpip\\Parameters\\NV Hostname=SPARE-1`,
      `${control}Services\\Tcpip\\Parameters\\Hostname=SPARE-1`,
    ];
    const restart = 'shutdown -r -t 0 -f';
    const renamed = 'root\\cimv2 SELECT * FROM Win32_ComputerSystem Rename SPARE-1';
    // A start lasts until it was asked twice: what the second asking led to belongs to it.
    expect(deeds.flat()).toEqual([renamed, restart, ...byHand, restart]);
  });
});
