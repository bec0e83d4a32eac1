import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { buildStandIns, buildVariant, QEMU_TAG, STUB_TAG } from './buildStandIns.js';
import { docker } from './docker.js';
import { installGolden, installQuickly, makeOem, makeShared } from './support/folders.js';
import { GuestServer } from './support/guestServer.js';
import { ask, exchange, Sandbox, waitFor } from './support/sandbox.js';

const connectionRequest = Buffer.from('030000130ee000000000000100080003000000', 'hex');

const sandbox = new Sandbox();
const server = new GuestServer();
let serverPort = 0;

const guestFolder = (token: string, role: 'golden' | 'vm') => makeShared(sandbox, { token, role, port: serverPort });
const oemFolder = () => makeOem(sandbox);
const makeGolden = (image: string, token: string) => installGolden({ image, token, port: serverPort, sandbox, server });

beforeAll(async () => {
  await buildStandIns();
  serverPort = await server.listen();
}, 300_000);

afterAll(async () => {
  server.close();
  await sandbox.clear();
}, 60_000);

describe.each([STUB_TAG, QEMU_TAG])('the image %s', (image) => {
  test('is configured like the real one', async () => {
    const config = JSON.parse(await docker('image', 'inspect', '--format', '{{json .Config}}', image));
    expect(config.Entrypoint).toEqual(['/usr/bin/tini', '-s', '/run/entry.sh']);
    expect(config.Volumes).toEqual({ '/storage': {} });
    expect(Object.keys(config.ExposedPorts).sort()).toEqual(['3389/tcp', '8006/tcp']);
    expect(config.Env).toEqual(expect.arrayContaining(['VERSION=11', 'RAM_SIZE=4G', 'CPU_CORES=2', 'DISK_SIZE=64G']));
    expect(config.Healthcheck).toBeFalsy();
  });

  test.each([
    ['qemu-img', '--version', /^qemu-img version/],
    ['cat', '/etc/version', /^6\.05$/],
    ['curl', '--version', /^curl /],
    ['sh', '-c', /Usage|requires an argument/],
  ])('has the program %s', async (program, argument, expected) => {
    const output = await docker('run', '--rm', '--entrypoint', program, image, argument).catch(String);
    expect(output).toMatch(expected);
  });

  test('refuses to run without KVM: exit 88', async () => {
    const { code, log } = await sandbox.runToEnd({ image, storage: sandbox.makeFolder('storage'), env: { KVM: 'Y' } });
    expect(code).toBe(88);
    expect(log).toContain('ERROR: KVM acceleration is not available');
  });
});

describe('the stub', () => {
  let golden = '';

  beforeAll(async () => {
    golden = await makeGolden(STUB_TAG, 'stub golden/1');
  }, 60_000);

  const cloneStart = async (token: string, env: Record<string, string> = {}) => ({
    image: STUB_TAG,
    storage: await sandbox.clone(golden),
    mounts: [`${golden}:/golden:ro`, `${guestFolder(token, 'vm')}:/shared`],
    env: { DISK_FMT: '', ...env },
  });

  test('leaves a valid golden folder behind', async () => {
    expect(readdirSync(golden).sort()).toEqual(
      [
        'data.qcow2',
        'windows.base',
        'windows.boot',
        'windows.mac',
        'windows.rom',
        'windows.vars',
        'windows.ver',
      ].sort(),
    );
    expect(readFileSync(join(golden, 'windows.base'), 'utf8').trim()).toBe('win11x64.iso');
    expect(readFileSync(join(golden, 'windows.mac'), 'utf8').trim()).toMatch(/^02(:[0-9A-F]{2}){5}$/);
    expect(statSync(join(golden, 'windows.vars')).size).toBe(540672);
    const report = await server.waitForCall('ready', 'stub golden/1');
    expect(report.path).toBe('/guest/v1/ready');
    expect(report.values).toMatchObject({ phase: 'installed', windows: 'Windows 11' });
  });

  test('shows the installation on /status and /msg.html, then the viewer', async () => {
    const env = { STANDIN_INSTALL_MS: '1500', STANDIN_PREPARE_MS: '1500' };
    const id = await sandbox.start({ image: STUB_TAG, storage: sandbox.makeFolder('storage'), env });
    const url = `http://${await sandbox.address(id)}:8006`;
    const message = await waitFor('msg.html', 5000, async () => {
      const response = await fetch(`${url}/msg.html`).catch(() => undefined);
      return response?.status === 200 ? response : undefined;
    });
    expect(message.headers.get('cache-control')).toBe('no-store');
    const frames: string[] = [];
    const socket = new WebSocket(`${url.replace('http', 'ws')}/status`);
    socket.on('message', (data) => frames.push(String(data)));
    await waitFor('the last frame', 15_000, async () => (frames.at(-1) === 'c: vnc' ? true : undefined));
    socket.close();

    const texts = frames.map((frame) => frame.replace(/ \([\d.]+%\)/, ''));
    expect([...new Set(texts)]).toEqual([
      's: <p class="loading">Starting Windows for Docker</p>',
      's: <p class="loading">Starting Windows</p>',
      's: <p class="loading">Requesting Windows 11 from the Microsoft servers</p>',
      's: <p class="loading">Downloading Windows 11</p>',
      's: <p class="loading">Download completed successfully</p>',
      's: <p class="loading">Building Windows 11 image</p>',
      's: <p class="loading">Creating a disk image</p>',
      's: <p class="loading">Initializing network</p>',
      's: <p class="loading">Initializing shared folder</p>',
      's: <p class="loading">Configuring boot</p>',
      'c: vnc',
    ]);
    expect(frames).toContain('s: <p class="loading">Downloading Windows 11 (50.0%)</p>');
    expect((await fetch(`${url}/msg.html`)).status).toBe(404);
    expect((await fetch(url)).status).toBe(200);
    await sandbox.waitForLog(id, /BdsDxe: loading/); // the screen is there before the firmware
    const screen = new WebSocket(`${url.replace('http', 'ws')}/websockify`, ['binary']);
    const greeting = await new Promise((resolve) => screen.once('message', (data) => resolve(String(data))));
    screen.close();
    expect(greeting).toBe('RFB 003.008\n');
  });

  test('a clone reports ready, retries refused reports, and answers RDP', async () => {
    server.refuse('clone-a', 'ready', 503);
    const id = await sandbox.start(await cloneStart('clone-a'));
    const report = await server.waitForCall('ready', 'clone-a');
    expect(report.values).toMatchObject({ phase: 'ready', windows: 'Windows 11' });
    await waitFor('a second report', 5000, async () =>
      server.callsOf('ready', 'clone-a').length === 2 ? true : undefined,
    );
    const answer = await exchange(await sandbox.address(id), 3389, connectionRequest);
    expect(answer?.[5]).toBe(0xd0);
    const log = await sandbox.waitForLog(id, /started successfully/);
    expect(log).toMatch(/❯ Guest: 172\.30\.\d+\.2 \(Windows\) {2}\| {2}Mode: NAT {2}\| {2}MAC: 02:/);
    expect(log).toMatch(/BdsDxe: starting Boot0004 "Windows Boot Manager" from HD\(/);
    expect(await docker('exec', id, 'cat', '/run/shm/qemu.ip')).toMatch(/^172\.30\.\d+\.2$/);
  });

  test('clones see the golden data, and only their own writes', async () => {
    const before = readFileSync(join(golden, 'data.qcow2'));
    const [a, b] = await Promise.all([cloneStart('iso-a'), cloneStart('iso-b')]);
    const [hostA, hostB] = await Promise.all([a, b].map(async (start) => sandbox.address(await sandbox.start(start))));
    expect(await ask(hostA ?? '', 'read .installbat')).toBe('ok ran');
    expect(await ask(hostA ?? '', 'write secret a-only')).toBe('ok');
    expect(await ask(hostA ?? '', 'read secret')).toBe('ok a-only');
    expect(await ask(hostB ?? '', 'read secret')).toBe('missing');
    expect(await ask(hostB ?? '', 'counter')).toBe('ok 2');
    expect(readFileSync(join(golden, 'data.qcow2')).equals(before)).toBe(true);
  });

  test('ends with 0 when the guest powers off, 137 when killed, 143 when stopped', async () => {
    const start = await cloneStart('exit');
    const first = await sandbox.start(start);
    expect(await ask(await sandbox.address(first), 'poweroff')).toBe('ok');
    expect(await docker('wait', first)).toBe('0');

    const second = await sandbox.start(start);
    await ask(await sandbox.address(second), 'counter');
    await docker('kill', second);
    expect(await docker('wait', second)).toBe('137');

    const third = await sandbox.start(start);
    expect(await ask(await sandbox.address(third), 'counter')).toBe('ok 4');
    await docker('stop', '-t', '120', third);
    expect(await docker('wait', third)).toBe('143');
  });

  test('the monitor pauses the guest and reports it', async () => {
    const id = await sandbox.start(await cloneStart('monitor', { QMP: 'unix:/storage/qmp.sock,server=on,wait=off' }));
    await ask(await sandbox.address(id), 'counter');
    const tell = (command: string, socket = '/run/shm/monitor.sock') =>
      docker('exec', id, 'sh', '-c', `printf '%s\\n' '${command}' | nc -q1 -w1 -U ${socket}`);
    await tell('stop');
    expect(await tell('info status')).toContain('VM status: paused');
    expect(await exchange(await sandbox.address(id), 3389, connectionRequest, 500)).toBeUndefined();
    const qmp = '{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n{"execute":"query-status"}';
    expect(await tell(qmp, '/storage/qmp.sock')).toContain('"status":"running","running":true');
  });

  test('a second use of the same storage ends with 71 and leaves the first alone', async () => {
    const start = await cloneStart('double');
    const first = await sandbox.start(start);
    await ask(await sandbox.address(first), 'counter');
    const { code, log } = await sandbox.runToEnd(start);
    expect(code).toBe(71);
    expect(log).toContain('ERROR: Failed to determine virtual size of /storage/data.qcow2');
    expect(await ask(await sandbox.address(first), 'counter')).toBe('ok 2');
  });

  test('boot variables shared by two clones are refused by the lock', async () => {
    const [a, b] = [await cloneStart('vars-a'), await cloneStart('vars-b')];
    await ask(await sandbox.address(await sandbox.start(a)), 'counter');
    const mounts = [...b.mounts, `${a.storage}/windows.vars:/storage/windows.vars`];
    const { code, log } = await sandbox.runToEnd({ ...b, mounts });
    expect(code).toBe(1);
    expect(log).toMatch(/Failed to get (shared )?"write" lock/);
  });

  test('a missing backing file ends with 1', async () => {
    const start = await cloneStart('backing');
    const { code, log } = await sandbox.runToEnd({ ...start, mounts: [] });
    expect(code).toBe(1);
    expect(log).toContain('assuming it contains data.');
    expect(log).toContain('Could not open backing file');
    expect(log).toContain('ERROR: QEMU exited unexpectedly!');
  });

  test('a clone without the golden boot variables is killed as not booted, with exit 0', async () => {
    const start = await cloneStart('no-vars');
    rmSync(join(start.storage, 'windows.vars'));
    const { code, log } = await sandbox.runToEnd(start);
    expect(code).toBe(0);
    expect(log).toContain('"UEFI QEMU QEMU HARDDISK "');
    expect(log).toContain('ERROR: Timeout while waiting for QEMU to boot the machine, terminating...');
    expect(log).toContain('❯ Shutdown completed!');
  });

  // What guest-image.md 2.3 calls the decision; `gone` names files that the row does without.
  const decisions: [
    what: string,
    gone: string[],
    env: Record<string, string>,
    outcome: 'boot' | 'install' | 'backup' | 68,
  ][] = [
    ['overlay, marker, base', [], {}, 'boot'],
    ['another version', [], { VERSION: '10' }, 'backup'],
    ['another language', [], { LANGUAGE: 'German' }, 'backup'],
    ['an unknown version', [], { VERSION: 'foo' }, 68],
    ['no base, unknown version', ['windows.base'], { VERSION: 'foo' }, 'boot'],
    ['no marker', ['windows.boot'], {}, 'install'],
    ['no marker, no base', ['windows.boot', 'windows.base'], {}, 'install'],
    ['no disk', ['data.qcow2'], {}, 'install'],
  ];
  test.concurrent.each(decisions)('decides: %s', async (_what, gone, env, outcome) => {
    const start = await cloneStart('decide', { ...installQuickly, DISK_FMT: 'qcow2', ...env });
    for (const name of gone) rmSync(join(start.storage, name));
    const id = await sandbox.start(start);
    const log = await sandbox.waitForLog(id, /❯ Booting Windows|ERROR/);
    expect(log.includes('Downloading')).toBe(outcome === 'install' || outcome === 'backup');
    const backups = join(start.storage, 'backups', 'win11x64');
    expect(existsSync(backups)).toBe(outcome === 'backup' || outcome === 68);
    if (outcome === 'backup') expect(readdirSync(backups)).toContain('data.qcow2');
    if (outcome === 68) expect(await docker('wait', id)).toBe('68');
    if (gone.includes('windows.base') && outcome === 'boot')
      expect(existsSync(join(start.storage, 'windows.base'))).toBe(false);
    await docker('rm', '-f', '-v', id);
  });

  test.concurrent.each([
    [{ NETWORK: 'bogus' }, 24, 'NETWORK'],
    [{ MAC: '02:11' }, 28, 'MAC'],
    [{ LANGUAGE: 'Klingon' }, 62, 'LANGUAGE'],
    [{ BOOT_MODE: 'bogus' }, 33, 'BOOT_MODE'],
    [{ CPU_CORES: 'many' }, 15, 'CPU_CORES'],
    [{ DISK_SIZE: '1073741824' }, 72, 'resize'],
    [{ STANDIN_FAULT: 'qemu-exit' }, 1, 'QEMU exited unexpectedly!'],
    [{ STANDIN_FAULT: 'boot-timeout' }, 0, 'Timeout while waiting for QEMU'],
    [{ STANDIN_FAULT: 'no-boot' }, 0, 'Windows could not boot, terminating...'],
  ] as [Record<string, string>, number, string][])('%o ends with %i', async (env, expected, message) => {
    const { code, log } = await sandbox.runToEnd(await cloneStart('refused', env));
    expect(code).toBe(expected);
    expect(log).toContain(message);
  });

  test.concurrent.each([
    [{ STANDIN_FAULT: 'download' }, 68, 'ERROR: Failed to download'],
    [{ DISK_SIZE: '16G' }, 77, 'Please increase the DISK_SIZE variable to at least 32 GB.'],
    [{ DISK_SIZE: 'abc' }, 77, 'ERROR: Invalid value for DISK_SIZE'],
    [{ RAM_SIZE: '1G' }, 16, 'RAM'],
  ] as [Record<string, string>, number, string][])(
    'installing with %o ends with %i',
    async (env, expected, message) => {
      const storage = sandbox.makeFolder('storage');
      const { code, log } = await sandbox.runToEnd({ image: STUB_TAG, storage, env: { ...installQuickly, ...env } });
      expect(code).toBe(expected);
      expect(log).toContain(message);
    },
  );

  test('a read-only storage ends with 13', async () => {
    const { code } = await sandbox.runToEnd({
      image: STUB_TAG,
      storage: sandbox.makeFolder('storage'),
      readOnly: true,
    });
    expect(code).toBe(13);
  });

  test('killed before its first clean stop, an installation is deleted and done again', async () => {
    const storage = sandbox.makeFolder('storage');
    const start = { image: STUB_TAG, storage, mounts: [`${oemFolder()}:/oem:ro`], env: installQuickly };
    const first = await sandbox.start(start);
    expect(await ask(await sandbox.address(first), 'write kept yes')).toBe('ok');
    await docker('kill', first);
    expect(existsSync(join(storage, 'windows.boot'))).toBe(false);
    const second = await sandbox.start(start);
    expect(await ask(await sandbox.address(second), 'read kept')).toBe('missing');
  });

  test('the marker appears in the middle of setup too, and setup then goes on', async () => {
    const storage = sandbox.makeFolder('storage');
    const start = { image: STUB_TAG, storage, mounts: [`${oemFolder()}:/oem:ro`] };
    const first = await sandbox.start({ ...start, env: { STANDIN_INSTALL_MS: '50', STANDIN_SETUP_MS: '4000' } });
    await sandbox.waitForLog(first, /Windows Boot Manager/);
    await docker('stop', '-t', '120', first);
    expect(existsSync(join(storage, 'windows.boot'))).toBe(true);
    const second = await sandbox.start({ ...start, env: installQuickly });
    const host = await sandbox.address(second);
    expect(await ask(host, 'read .installbat')).toBe('ok ran');
  });

  test('a guest that ignores ACPI is terminated, one that ignores that too is killed; both leave the marker', async () => {
    const ignoring = await buildVariant('stub', 'acpi-ignored', { STANDIN_FAULT: 'acpi-ignored' });
    for (const [env, words] of [
      [{}, 'Windows is still running, sending SIGTERM... (12/16)'],
      [{ STANDIN_FAULT: 'acpi-ignored,sigterm-ignored' }, 'ERROR: Forcefully terminating Windows, reason: SIGTERM...'],
    ] as const) {
      const start = await cloneStart('acpi', { TIMEOUT: '20', ...env });
      const id = await sandbox.start({ ...start, image: ignoring });
      await ask(await sandbox.address(id), 'counter');
      await docker('stop', '-t', '120', id);
      expect(await docker('wait', id)).toBe('143');
      expect(await sandbox.log(id)).toContain(words);
    }
  });

  test('knobs can be turned by a file on the share', async () => {
    const start = await cloneStart('knob');
    const shared = guestFolder('knob', 'vm');
    writeFileSync(join(shared, 'standin.env'), 'STANDIN_FAULT=never-ready\n');
    const id = await sandbox.start({ ...start, mounts: [`${golden}:/golden:ro`, `${shared}:/shared`] });
    await sandbox.waitForLog(id, /started successfully/);
    expect(await exchange(await sandbox.address(id), 3389, connectionRequest)).toBeUndefined();
    expect(server.calls.some(({ token }) => token === 'knob')).toBe(false);
  });

  test('in user mode only 3389 and USER_PORTS are reachable', async () => {
    const start = { ...(await cloneStart('user')), nat: false };
    const closed = await sandbox.start(start);
    const log = await sandbox.waitForLog(closed, /started successfully/);
    expect(log).toContain('Warning: failed to setup NAT networking, falling back to user-mode networking!');
    expect(log).toContain('Mode: User (slirp)');
    expect((await exchange(await sandbox.address(closed), 3389, connectionRequest))?.[5]).toBe(0xd0);
    expect(await exchange(await sandbox.address(closed), 7777, 'counter\n')).toBeUndefined();
    const open = await sandbox.start({ ...start, ...(await cloneStart('user2', { USER_PORTS: '7777' })), nat: false });
    expect(await ask(await sandbox.address(open), 'counter')).toBe('ok 2');
  });

  test('PROTECT asks for a password everywhere', async () => {
    const id = await sandbox.start(await cloneStart('protect', { PROTECT: 'Y', USERNAME: 'me', PASSWORD: 'pw' }));
    const url = `http://${await sandbox.address(id)}:8006/`;
    const plain = await waitFor('the web server', 5000, () => fetch(url).catch(() => undefined));
    expect(plain.status).toBe(401);
    const headers = { Authorization: `Basic ${Buffer.from('me:pw').toString('base64')}` };
    expect((await fetch(url, { headers })).status).toBe(200);
  });

  test('DISK_SIZE grows a clone, and a stray DISK_FMT=raw turns it into a full image', async () => {
    const start = await cloneStart('grow', { DISK_SIZE: '80G' });
    const id = await sandbox.start(start);
    await sandbox.waitForLog(id, /Resizing disk from 64 GB to 80 GB/);
    await ask(await sandbox.address(id), 'poweroff');
    await docker('wait', id);
    const raw = await sandbox.start({ ...start, env: { DISK_FMT: 'raw', DISK_SIZE: '80G' } });
    expect(await ask(await sandbox.address(raw), 'counter')).toBe('ok 3');
    expect(existsSync(join(start.storage, 'data.qcow2'))).toBe(false);
    expect(statSync(join(start.storage, 'data.img')).size).toBe(80 * 1024 ** 3);
  });

  test('a legacy version has no boot variables', async () => {
    const storage = sandbox.makeFolder('storage');
    const id = await sandbox.start({ image: STUB_TAG, storage, env: { ...installQuickly, VERSION: 'xp' } });
    await sandbox.waitForLog(id, /Booting from Hard Disk/);
    await ask(await sandbox.address(id), 'poweroff');
    expect(await docker('wait', id)).toBe('0');
    expect(readdirSync(storage)).toEqual(expect.arrayContaining(['windows.boot', 'windows.mode', 'windows.old']));
    expect(readdirSync(storage).filter((name) => /vars|rom/.test(name))).toEqual([]);
  });

  test('SHUTDOWN=N: a stop is a power cut with exit 0', async () => {
    const id = await sandbox.start(await cloneStart('cut', { SHUTDOWN: 'N' }));
    await ask(await sandbox.address(id), 'counter');
    await docker('stop', '-t', '60', id);
    expect(await docker('wait', id)).toBe('0');
    expect(await sandbox.log(id)).not.toContain('Shutdown completed!');
  });
});

describe('the tiny guest in QEMU', () => {
  test('is installed once, cloned twice, and each clone has its own disk', async () => {
    const golden = await makeGolden(QEMU_TAG, 'qemu-golden');
    expect(server.callsOf('ready', 'qemu-golden')[0]?.phase).toBe('installed');
    expect(existsSync(join(golden, 'windows.boot'))).toBe(true);
    const before = readFileSync(join(golden, 'data.qcow2'));
    const start = async (token: string, env: Record<string, string> = {}) => ({
      image: QEMU_TAG,
      storage: await sandbox.clone(golden),
      mounts: [`${golden}:/golden:ro`, `${guestFolder(token, 'vm')}:/shared`],
      env: { DISK_FMT: '', ...env },
    });
    const [startA, startB] = [await start('qemu-a'), await start('qemu-b', { USER_PORTS: '7777' })];
    const a = await sandbox.start(startA);
    const b = await sandbox.start({ ...startB, nat: false });
    const [hostA, hostB] = [await sandbox.address(a), await sandbox.address(b)];

    const report = await server.waitForCall('ready', 'qemu-a', undefined, 120_000);
    expect(report.values).toMatchObject({ phase: 'ready', windows: 'Windows 11' });
    expect((await exchange(hostA, 3389, connectionRequest))?.[5]).toBe(0xd0);
    expect(await ask(hostA, 'read .installbat')).toBe('ok ran');
    expect(await ask(hostA, 'write secret a-only')).toBe('ok');
    expect(await ask(hostA, 'counter')).toBe('ok 2');
    expect(await ask(hostB, 'read secret', 120_000)).toBe('missing');
    expect(await ask(hostB, 'counter')).toBe('ok 2');
    expect(readFileSync(join(golden, 'data.qcow2')).equals(before)).toBe(true);

    const double = await sandbox.runToEnd(startA);
    expect(double.code).toBe(71);

    await docker('stop', '-t', '120', a);
    expect(await docker('wait', a)).toBe('143');
    expect(await sandbox.log(a)).toContain('reboot: Power down');
    await ask(hostB, 'poweroff');
    expect(await docker('wait', b)).toBe('0');

    const again = await sandbox.start(startA);
    expect(await ask(await sandbox.address(again), 'read secret', 120_000)).toBe('ok a-only');
  }, 300_000);

  test('without its golden disk QEMU ends with 1', async () => {
    const storage = sandbox.makeFolder('storage');
    const golden = sandbox.makeFolder('golden');
    for (const name of ['windows.boot', 'windows.vars']) writeFileSync(join(golden, name), name);
    const clone = await sandbox.clone(golden, ['windows.boot', 'windows.vars']);
    copyFileSync(join(clone, 'data.qcow2'), join(storage, 'data.qcow2'));
    writeFileSync(join(storage, 'windows.boot'), '');
    const { code, log } = await sandbox.runToEnd({ image: QEMU_TAG, storage });
    expect(code).toBe(1);
    expect(log).toContain('Could not open backing file');
  });
});
