import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type GuestServer, guestConfig, startGuestServer } from './support/guestServer.js';
import { INSTALL, WineGuest } from './support/wine.js';

const RUN_KEY = 'HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run';

/** What install.bat asks of programs that Wine can't stand in for. */
const ASKED = [
  'schtasks /create /tn vapiorc /xml C:\\vapiorc\\service.xml /f',
  'powercfg /change standby-timeout-ac 0',
  'powercfg /change monitor-timeout-ac 0',
  'powercfg /change disk-timeout-ac 0',
  'powercfg /hibernate off',
  'sc config w32time start= auto',
  'net start w32time',
  'w32tm /config /update',
  'netsh advfirewall firewall delete rule name=vapiorc-rdp',
  'netsh advfirewall firewall add rule name=vapiorc-rdp dir=in action=allow protocol=TCP localport=3389 profile=any',
];

let server: GuestServer;
let wine: WineGuest;
beforeAll(async () => {
  server = await startGuestServer();
  wine = new WineGuest();
  writeFileSync(join(wine.share, 'guest.cfg'), guestConfig({ server: server.url, role: 'golden' }));
});
afterAll(async () => {
  wine?.close();
  await server?.close();
});

async function install(...before: string[]) {
  server.calls.length = 0;
  wine.recorded();
  const exit = await wine.batch(...before, INSTALL, 'exit /b %errorlevel%');
  return { exit, recorded: wine.recorded(), reported: server.called('ready').map(({ lines }) => lines) };
}

const installLog = () => readFileSync(join(wine.share, 'install.log'), 'latin1');

describe('install.bat under Wine', () => {
  afterEach(() => {
    wine.exitCodes({});
    wine.remove('OEM/custom');
    wine.remove('recorder');
  });

  test('installs, runs the hooks by name, and reports each step and the end', async () => {
    wine.write(
      'OEM/custom/10-first.bat',
      '@echo off\r\necho first in %cd%\r\nif exist data.txt echo first>>C:\\hooks.txt\r\n',
    );
    wine.write('OEM/custom/20 second.cmd', '@echo second>>C:\\hooks.txt\r\n@echo second to stderr 1>&2\r\n');
    wine.write('OEM/custom/30-third.reg', 'REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Hook]\r\n"Third"="yes"\r\n');
    wine.write('OEM/custom/40 fourth.msi', '');
    wine.write('OEM/custom/data.txt', 'not run');
    wine.exitCodes({ 'fourth.msi': 3010, 'netsh advfirewall firewall delete': 1, 'net start': 2 });

    const { exit, recorded, reported } = await install();

    expect(reported.map(({ phase }) => phase)).toEqual(['installed']);
    expect(reported[0]).toMatchObject({
      windows: 'Microsoft Windows 7',
      build: '6.1.7601',
      codepage: '437',
      agent: '1.0.0',
    });
    expect(reported[0]?.guid).toMatch(/^[0-9a-f-]{36}$/);
    expect(exit).toBe(0);
    expect(recorded).toEqual([
      ...ASKED,
      'msiexec /i "C:\\OEM\\custom\\40 fourth.msi" /qn /norestart /l* "C:\\vapiorc\\hooks\\40 fourth.msi.log"',
      'route print 0.0.0.0',
    ]);
    expect(wine.read('hooks.txt')).toBe('first\r\nsecond\r\n');
    const steps = server.called('progress').map(({ lines }) => `${lines.done}/${lines.of} ${lines.step}`);
    expect(steps).toEqual([
      '1/9 allow Windows Script Host',
      '2/9 start the agent at every logon',
      '3/9 start the agent at every boot',
      '4/9 no updates by themselves',
      '5/9 never sleep',
      '6/9 keep the time',
      '7/9 allow Remote Desktop',
      '8/9 ask nothing about networks',
      '9/13 custom\\10-first.bat',
      '10/13 custom\\20 second.cmd',
      '11/13 custom\\30-third.reg',
      '12/13 custom\\40 fourth.msi',
      '13/13 report',
    ]);
    expect(installLog()).toContain('first in C:\\OEM\\custom');
    expect(installLog()).toContain('second to stderr');
    expect(installLog()).toContain('custom\\40 fourth.msi: exit code 0');
    expect(installLog()).toContain('net start w32time: exit code 2 (either way)');
    expect(installLog()).toMatch(/---- installed\s*$/);
    expect(installLog()).not.toContain('token-of-it');
    await wine.batch(
      `reg query ${RUN_KEY} /v vapiorc > C:\\out.txt`,
      'reg query HKLM\\SOFTWARE\\Hook /v Third >> C:\\out.txt',
    );
    expect(wine.read('out.txt')).toMatch(/REG_SZ\s+wscript.exe \/\/B \/\/Nologo +C:\\vapiorc\\agent.js/);
    expect(wine.read('out.txt')).toMatch(/Third\s+REG_SZ\s+yes/);
  });

  test('does the same when it runs again, and leaves one of everything', async () => {
    const keys = ['SOFTWARE\\Policies', 'SYSTEM\\CurrentControlSet\\Control\\Terminal Server', RUN_KEY.slice(5)];
    const exported = async () => {
      await wine.batch(...keys.map((key, n) => `reg export "HKLM\\${key}" C:\\export${n}.reg /y`));
      return keys.map((_, n) => wine.read(`export${n}.reg`));
    };
    const before = await exported();
    const agent = wine.read('vapiorc/agent.js');

    const { exit, recorded, reported } = await install();

    expect(exit).toBe(0);
    expect(reported.map(({ phase }) => phase)).toEqual(['installed']);
    expect(recorded).toEqual([...ASKED, 'route print 0.0.0.0']);
    expect(await exported()).toEqual(before);
    expect(before[0]).toContain('N\0o\0A\0u\0t\0o\0U\0p\0d\0a\0t\0e');
    expect(wine.read('vapiorc/agent.js')).toBe(agent);
  });

  test.each([
    ['schtasks', 'start the agent at every boot', 'schtasks: exit code 1', 1],
    ['standby-timeout', 'never sleep', 'powercfg standby: exit code 2', 2],
    ['monitor-timeout', 'never sleep', 'powercfg monitor: exit code 2', 2],
    ['sc config', 'keep the time', 'sc config w32time: exit code 1060', 1060],
    ['add rule', 'allow Remote Desktop', 'netsh add: exit code 1', 1],
  ])('reports the step that failed: %s', async (text, step, reason, code) => {
    wine.exitCodes({ [text]: code });
    const { exit, recorded, reported } = await install();
    expect(reported).toEqual([expect.objectContaining({ phase: 'failed', step, reason })]);
    expect(exit).toBe(1);
    expect(recorded.at(-2)).toContain(text);
    expect(installLog()).toContain(`---- FAILED at: ${step}: ${reason}`);
  });

  test.each([
    ['Enabled', 'allow Windows Script Host'],
    ['Run', 'start the agent at every logon', 'CurrentVersion\\Run'],
    ['NoAutoUpdate', 'no updates by themselves'],
    ['AUOptions', 'no updates by themselves'],
    ['NoAutoRebootWithLoggedOnUsers', 'no updates by themselves'],
    ['AutoDownload', 'no updates by themselves'],
    ['HiberbootEnabled', 'never sleep'],
    ['fDenyTSConnections', 'allow Remote Desktop'],
    ['UserAuthentication', 'allow Remote Desktop'],
    ['NewNetworkWindowOff', 'ask nothing about networks', 'NewNetworkWindowOff'],
  ])('reports a part of the registry that can not be written: %s', async (name, step, text = `/v ${name} `) => {
    withOtherRegistry('    CurrentVersion    REG_SZ    6.3\r\n');
    wine.exitCodes({ [text]: 1 });
    const { reported } = await install('set PATH=C:\\other;%PATH%');
    expect(reported).toEqual([
      expect.objectContaining({ phase: 'failed', step, reason: `reg add ${name}: exit code 1` }),
    ]);
  });

  test('reports a part of the agent that is missing', async () => {
    const task = wine.read('OEM/service.xml') ?? '';
    wine.remove('OEM/service.xml');
    const { exit, reported } = await install();
    wine.write('OEM/service.xml', task);
    const [step, reason] = ['copy the agent', 'service.xml: exit code 1'];
    expect(reported).toEqual([expect.objectContaining({ phase: 'failed', step, reason })]);
    expect(exit).toBe(1);
  });

  test('asks a Windows XP only what it has', async () => {
    withOtherRegistry(
      '! REG.EXE VERSION 3.0\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\CurrentVersion\r\n    CurrentVersion\tREG_SZ\t5.1\r\n',
    );
    wine.exitCodes({ powercfg: 1, 'netsh firewall': 1, w32tm: 1 });
    const { exit, recorded } = await install('set PATH=C:\\other;%PATH%');
    expect(exit).toBe(0);
    expect(recorded.filter((line) => !line.startsWith('reg '))).toEqual([
      'powercfg /numerical /setactive 3',
      'powercfg /hibernate off',
      'sc config w32time start= auto',
      'net start w32time',
      'w32tm /config /update',
      'netsh firewall set portopening TCP 3389 vapiorc-rdp ENABLE ALL',
      'route print 0.0.0.0',
    ]);
  });

  test('names the hook that failed, and runs none after it', async () => {
    wine.write('OEM/custom/1-bad.cmd', '@echo it says why\r\n@exit 5\r\n');
    wine.write('OEM/custom/2-never.cmd', '@echo never>C:\\never.txt\r\n');
    const { exit, reported } = await install();
    const reason = 'custom\\1-bad.cmd: exit code 5';
    expect(reported).toEqual([expect.objectContaining({ phase: 'failed', step: 'custom\\1-bad.cmd', reason })]);
    expect(exit).toBe(1);
    expect(wine.read('never.txt')).toBeUndefined();
    expect(installLog()).toContain('it says why');
  });

  test.each([
    ['1 bad.msi', '', 1603],
    ['1 bad.reg', 'nothing that it knows', 1],
  ])('names a hook of another kind that failed: %s', async (name, content, code) => {
    wine.write(`OEM/custom/${name}`, content);
    wine.exitCodes({ [name]: code });
    const { exit, reported } = await install();
    const [step, reason] = [`custom\\${name}`, `custom\\${name}: exit code ${code}`];
    expect(reported).toEqual([expect.objectContaining({ phase: 'failed', step, reason })]);
    expect(exit).toBe(1);
  });
});

/** A reg.exe that only records, and answers each query with the same text. */
function withOtherRegistry(answer: string): void {
  wine.write('other/reg.exe', wine.read('windows/system32/powercfg.exe') ?? '');
  wine.write('recorder/reg.txt', answer);
}
