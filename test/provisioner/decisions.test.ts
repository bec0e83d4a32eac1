import { expect, test } from 'vitest';
import { macOf } from '../../src/domain/mac.js';
import { capacityRefusal } from '../../src/provisioner/docker/capacity.js';
import { kvmProblem } from '../../src/provisioner/docker/engine/kvm.js';
import { explainExit } from '../../src/provisioner/docker/explainExit.js';
import { refOf } from '../../src/provisioner/docker/labels.js';
import { hostRange, hostRanges } from '../../src/provisioner/docker/network/hostRange.js';
import { mapPath } from '../../src/provisioner/docker/paths/mapPath.js';
import { selfContainerId } from '../../src/provisioner/docker/paths/selfContainer.js';
import { PullProgress } from '../../src/provisioner/docker/pullProgress.js';
import { uncleanShutdown } from '../../src/provisioner/docker/shutdownLog.js';

const id = '8d8ac610-566d-4ef0-9c22-186b2a5ed793';
const hex = 'a1'.repeat(32);

test('a MAC address is locally administered, unicast and always the same', () => {
  expect(macOf(id)).toMatch(/^02(:[0-9A-F]{2}){5}$/);
  expect(macOf(id)).toBe(macOf(id));
  expect(macOf(id)).not.toBe(macOf(id.replace('8', '9')));
});

test('ours is what carries our deployment and an id', () => {
  expect(refOf({ 'vapiorc.deployment': 'a', 'vapiorc.vm': id }, 'a')).toEqual({ kind: 'vm', id });
  expect(refOf({ 'vapiorc.deployment': 'a', 'vapiorc.golden': id }, 'a')).toEqual({ kind: 'golden', id });
  expect(refOf({ 'vapiorc.deployment': 'b', 'vapiorc.vm': id }, 'a')).toBeUndefined();
  expect(refOf({ 'vapiorc.deployment': 'a' }, 'a')).toBeUndefined();
  expect(refOf({ 'vapiorc.vm': id }, 'a')).toBeUndefined();
  expect(refOf(undefined, 'a')).toBeUndefined();
});

test.each([
  ['/data/vms/1', '/srv/vapiorc/vms/1'],
  ['/data', '/srv/vapiorc'],
  ['/data/golden/1', '/big/golden/1'],
  ['/database', undefined],
  ['/etc', undefined],
  ['/volume/x', '/var/lib/docker/volumes/v/_data/x'],
  ['/driver/x', undefined],
])('%s in the server is %s on the Docker host', (path, expected) => {
  const mounts = [
    { Source: '/srv/vapiorc', Destination: '/data' },
    { Source: '/big/golden', Destination: '/data/golden' },
    { Source: '/var/lib/docker/volumes/v/_data', Destination: '/volume' },
    { Source: '', Destination: '/driver' },
  ];
  expect(mapPath(path, mounts)).toBe(expected);
});

test.each([
  ['Docker', `1 2 254:0 /var/lib/docker/containers/${hex}/hostname /etc/hostname rw - ext4 /dev/vda rw`, hex],
  [
    'another data folder',
    `1 2 254:0 /data/docker/containers/${hex}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw`,
    hex,
  ],
  ['podman', `1 2 0:9 /containers/overlay-containers/${hex}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw`, hex],
  [
    'a host that runs containers',
    `1 2 0:9 / /var/lib/docker/containers/${hex}/mounts/shm rw - tmpfs shm rw`,
    undefined,
  ],
  ['a host', '27 1 254:0 / / rw - ext4 /dev/vda rw', undefined],
  ['nothing', '', undefined],
])('the own container is found out: %s', (_where, mountinfo, expected) => {
  expect(selfContainerId(mountinfo)).toBe(expected);
});

const host = {
  platform: 'linux',
  arch: 'x64',
  inContainer: false,
  device: true,
  misc: ' 232 kvm\n',
  cpuinfo: 'flags\t\t: fpu vmx sse\n',
};
test.each([
  ['a host with all of it', {}, undefined],
  ['AMD', { cpuinfo: 'flags : fpu svm' }, undefined],
  ['no device', { device: false }, /no \/dev\/kvm/],
  ['no processor flag', { cpuinfo: 'flags : fpu sse vmxoff' }, /vmx or svm/],
  ['in a container, whose /dev shows nothing', { inContainer: true, device: false }, undefined],
  ['in a container on a host without', { inContainer: true, device: false, misc: ' 229 fuse\n' }, /no \/dev\/kvm/],
  ['ARM has no such flags', { arch: 'arm64', cpuinfo: 'Features : fp' }, undefined],
  ['the engine is in a machine that is not seen', { platform: 'darwin', device: false }, undefined],
])('KVM: %s', (_where, facts, why) => {
  const problem = kvmProblem({ ...host, ...facts });
  if (why === undefined) expect(problem).toBeUndefined();
  else
    expect(problem).toMatchObject({
      part: 'kvm',
      message: expect.stringMatching(why),
      fix: expect.stringContaining('VAPIORC_KVM=off'),
    });
});

const end = '\u001b[1;34m❯ \u001b[1;36mShutdown completed!\u001b[0m\n';
test.each([
  ['clean', `BdsDxe: starting\n${end}`, undefined],
  ['killed', 'BdsDxe: starting\n', /without "Shutdown completed!"/],
  ['forced', `\u001b[31mERROR: Forcefully terminating Windows, reason: SIGTERM...\u001b[0m\n${end}`, /Forcefully/],
  ['power cut', `❯ Windows is still running, sending SIGTERM... (95/100)\n${end}`, /sending SIGTERM/],
  ['QEMU failed', `ERROR: QEMU exited unexpectedly!\n${end}`, /unexpectedly/],
  ['no boot', `ERROR: Windows could not boot, terminating...\n${end}`, /could not boot/],
  ['boot too slow', `ERROR: Timeout while waiting for QEMU to boot the machine, terminating...\n${end}`, /Timeout/],
  ['said by the guest in the middle of a line', 'guest says ❯ Shutdown completed! now\n', /without/],
])('a shutdown is judged by the end of the log: %s', (_what, log, why) => {
  if (why === undefined) expect(uncleanShutdown(log)).toBeUndefined();
  else expect(uncleanShutdown(log)).toMatch(why);
});

const room = { ramMiB: 16_384, cpuCores: 4, freeDiskBytes: 100 * 2 ** 30, given: [{ ramMiB: 8192, cpuCores: 8 }] };
test.each([
  ['fits', { ramMiB: 7680, cpuCores: 8, diskBytes: 2 ** 30 }, undefined],
  ['memory', { ramMiB: 7681, cpuCores: 1, diskBytes: 0 }, 'memory'],
  ['processors', { ramMiB: 1, cpuCores: 9, diskBytes: 0 }, 'processors'],
  ['disk', { ramMiB: 1, cpuCores: 1, diskBytes: 101 * 2 ** 30 }, 'disk'],
])('room on the host: %s', (_what, wanted, resource) => {
  expect(capacityRefusal(room, wanted)?.resource).toBe(resource);
});

const unknown = { wasReady: false, isoUrl: false, log: [] };
test.each([0, 1, 68, 75, 88, 137, 143, 255])('exit code %i is explained', (code) => {
  expect(explainExit(code, unknown)).toMatch(new RegExp(`^[a-z].*\\(exit code ${code}\\)$`, 'i'));
});

test.each([58, 64, 68])(
  'exit code %i speaks of the URL of the medium, and of no version, where one was given',
  (code) => {
    const given = explainExit(code, { ...unknown, isoUrl: true });
    expect(given).toMatch(/URL/);
    expect(given).not.toMatch(/version/);
    expect(explainExit(code, unknown)).not.toMatch(/URL/);
  },
);

const started = '❯ Windows started successfully, visit http://127.0.0.1:8006/ to view the screen...';
const tooSlow = '❯ ERROR: Timeout while waiting for QEMU to boot the machine, terminating...';
const nothing = '❯ ERROR: Windows could not boot, terminating...';
test.each([
  ['was ready once', true, [tooSlow], 'the guest powered itself off'],
  ['had booted', false, [started], 'the guest powered itself off'],
  ['did not boot in time', false, [tooSlow], 'its firmware did not start Windows in time'],
  ['had nothing to boot', false, [nothing], 'its firmware found nothing to boot'],
  ['said nothing', false, [], 'the guest powered itself off, or its firmware did not start Windows in time'],
])('an end without an error, of a machine that %s', (_what, wasReady, log, why) => {
  expect(explainExit(0, { ...unknown, wasReady, log })).toBe(`${why} (exit code 0)`);
});

test('the progress of a pull never goes back, and is unknown before sizes are known', () => {
  const pull = new PullProgress('an image');
  expect(pull.show()).toMatchObject({ phase: 'PULLING', progress: null });
  pull.take({ status: 'Pulling from library/x', id: 'latest' });
  pull.take({ id: 'a', status: 'Pulling fs layer' });
  pull.take({ id: 'a', status: 'Downloading', progressDetail: { current: 50, total: 100 } });
  expect(pull.show()).toMatchObject({ progress: 0.5, message: 'Pulling an image: 0 of 1 layers' });
  pull.take({ id: 'b', status: 'Downloading', progressDetail: { current: 0, total: 900 } });
  expect(pull.show().progress).toBe(0.5);
  pull.take({ id: 'b', status: 'Pull complete' });
  pull.take({ id: 'a', status: 'Download complete' });
  expect(pull.show()).toMatchObject({ progress: 1, message: 'Pulling an image: 2 of 2 layers' });
});

test.each([
  ['with its gateway', [{ Subnet: '172.20.0.0/16', Gateway: '172.20.0.9' }], '172.20.0.9'],
  ['without one', [{ Subnet: '10.240.8.0/24' }], '10.240.8.1'],
  ['with an empty one', [{ Subnet: '172.17.0.0/16', Gateway: '' }], '172.17.0.1'],
  ['written from the middle', [{ Subnet: '10.1.2.200/25' }], '10.1.2.129'],
  ['of two families', [{ Subnet: 'fd00::/64', Gateway: 'fd00::1' }, { Subnet: '10.9.0.0/24' }], '10.9.0.1'],
  ['of IPv6 alone', [{ Subnet: 'fd00::/64', Gateway: 'fd00::1' }], undefined],
  ['without any range', [], undefined],
])('a network %s: where the Docker host is in it', (_case, Config, gateway) =>
  expect(hostRange({ IPAM: { Driver: 'default', Config } })?.gateway).toBe(gateway),
);

test('a network of two families has guests in both', () => {
  const Config = [{ Subnet: 'fd00:9::/64' }, { Subnet: 'fd01::/64', Gateway: 'fd01::9' }, { Subnet: '10.9.0.0/24' }];
  expect(hostRanges({ IPAM: { Driver: 'default', Config } })).toEqual([
    { subnet: 'fd00:9::/64', gateway: 'fd00:9::1' },
    { subnet: 'fd01::/64', gateway: 'fd01::9' },
    { subnet: '10.9.0.0/24', gateway: '10.9.0.1' },
  ]);
});
