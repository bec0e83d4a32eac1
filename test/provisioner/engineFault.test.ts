import { expect, test } from 'vitest';
import type { Unavailable } from '../../src/domain/errors.js';
import { engineFault } from '../../src/provisioner/docker/engine/engineFault.js';
import { EndpointTaken } from '../../src/provisioner/provisioner.js';

const asked = { socket: '/var/run/docker.sock', image: 'dockurr/windows:6.05', port: 8001 };
const answered = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) - ${message}`), { statusCode });
const system = (code: string, syscall?: string) =>
  Object.assign(new Error(`${syscall} ${code} /var/run/docker.sock`), { code, ...(syscall ? { syscall } : {}) });

test.each([
  ['no engine', system('ENOENT', 'connect'), 'docker', /Start Docker/],
  ['engine stopped', system('ECONNREFUSED', 'connect'), 'docker', /Start Docker/],
  ['no permission, even for root', system('EACCES', 'connect'), 'docker', /as root of the host/],
  ['no socket', system('ECONNREFUSED', 'connect'), 'docker', /VAPIORC_DOCKER_SOCKET/],
  [
    'no HTTP',
    Object.assign(new Error('Parse Error'), { code: 'HPE_INVALID_CONSTANT' }),
    'docker',
    /VAPIORC_DOCKER_SOCKET/,
  ],
  ['engine restarted', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), 'docker', /logs of Docker/],
  ['image not there', answered(404, 'No such image: dockurr/windows:6.05'), 'image', /VAPIORC_IMAGE/],
  [
    'no such tag',
    answered(404, 'manifest for dockurr/windows:0.00 not found: manifest unknown'),
    'image',
    /VAPIORC_IMAGE/,
  ],
  [
    'no such repository',
    answered(404, 'pull access denied for nobody/nothing, repository does not exist'),
    'image',
    /VAPIORC_IMAGE/,
  ],
  [
    'registry away',
    answered(500, 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'),
    'image',
    /registry/,
  ],
  ['rate limit', answered(500, 'toomanyrequests: You have reached your pull rate limit'), 'image', /registry/],
  [
    'no KVM',
    answered(
      500,
      'error gathering device information while adding custom device "/dev/kvm": no such file or directory',
    ),
    'kvm',
    /VAPIORC_KVM=off/,
  ],
  [
    'no tun',
    answered(
      500,
      'error gathering device information while adding custom device "/dev/net/tun": no such file or directory',
    ),
    'network',
    /modprobe tun/,
  ],
  [
    'wrong path',
    answered(400, 'invalid mount config for type "bind": bind source path does not exist: /data/vms/1/storage'),
    'storage',
    /VAPIORC_HOST_STORAGE_PATH/,
  ],
  [
    'foreign address',
    answered(500, 'listen tcp4 10.9.8.7:8001: bind: cannot assign requested address'),
    'network',
    /VAPIORC_PUBLISH_ADDRESS/,
  ],
  [
    'no subnets',
    answered(
      500,
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    ),
    'network',
    /prune/,
  ],
  [
    'no addresses',
    answered(500, "no available IPv4 addresses on this network's address pools: vapiorc_default"),
    'network',
    /prune/,
  ],
  [
    'no firewall rules',
    answered(
      500,
      'Failed to Setup IP tables: Unable to enable SKIP DNAT rule: (iptables failed: No chain/target/match)',
    ),
    'network',
    /Restart Docker/,
  ],
  ['something new', answered(500, 'something new'), 'docker', /logs of Docker/],
  ['a denial by a plugin', answered(403, 'authorization denied by plugin x'), 'docker', /logs of Docker/],
  [
    'our name taken',
    answered(409, 'Conflict. The container name "/vapiorc_vm_1" is already in use by container "abc"'),
    'docker',
    /rename/,
  ],
])('%s is an Unavailable that says what to do', (_what, fault, part, fix) => {
  const refusal = engineFault(fault, asked);
  expect(refusal).toMatchObject({ code: 'UNAVAILABLE', part });
  expect(refusal).toHaveProperty('fix', expect.stringMatching(fix));
});

test.each([
  'driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:8001 failed: port is already allocated',
  'Error starting userland proxy: listen tcp4 127.0.0.1:8001: bind: address already in use',
  'Ports are not available: exposing port TCP 127.0.0.1:8001 -> 127.0.0.1:0',
])('a port that somebody else holds is known: %s', (words) => {
  expect(engineFault(answered(500, words), asked)).toBeInstanceOf(EndpointTaken);
});

test('a full disk of the engine is a lack of room', () => {
  const fault = answered(500, 'write /var/lib/docker/tmp/x: no space left on device');
  expect(engineFault(fault, asked)).toMatchObject({ code: 'CAPACITY_EXHAUSTED', resource: 'disk' });
});

test('what the engine says is shown as it is, cut and cleaned', () => {
  const refusal = engineFault(answered(500, `server error - odd\u001b[1m\n${'x'.repeat(5000)}`), asked) as Unavailable;
  expect(refusal.message).toMatch(/^the Docker Engine refused with status 500: /);
  expect(refusal.message).toContain('odd [1m x');
  expect(refusal.message.length).toBeLessThan(700);
});

test.each([new TypeError('our own mistake'), 'a string', undefined])(
  'what is none of the engine’s stays a fault: %s',
  (fault) => {
    expect(engineFault(fault, asked)).toBeUndefined();
  },
);
