import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DockerSettings } from '../../src/provisioner/docker/settings.js';
import { until } from '../support/until.js';
import { aDockerHost, type DockerHost, docker, doorsOf, STUB } from './aDockerHost.js';
import { aLyingEngine } from './aLyingEngine.js';

let host: DockerHost;
let folder: string;
beforeAll(async () => {
  host = await aDockerHost();
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-engines-'));
});
afterAll(async () => {
  await host?.remove();
  await rm(folder, { recursive: true, force: true });
});

const need = { kind: 'install', cpuCores: 1, ramMiB: 2048, diskGiB: 20 } as const;

/** What a server with these settings says of its engine when it starts, and answers who wants a golden image. */
async function asked(settings: Partial<DockerSettings>) {
  const provisioner = host.another(settings);
  return { health: (await provisioner.health()).provisioner, refusal: await provisioner.admit(need) };
}

/** Refused with this, by both; nothing was made. */
async function refused(settings: Partial<DockerSettings>, part: string, message: RegExp, fix: RegExp): Promise<string> {
  const { health, refusal } = await asked(settings);
  expect(health.status).toBe('DOWN');
  expect(health.message).toMatch(message);
  expect(health.message).toMatch(fix);
  expect(refusal).toMatchObject({ code: 'UNAVAILABLE', part });
  expect(refusal?.message).toMatch(message);
  expect(refusal?.fix).toMatch(fix);
  expect(await host.another(settings).install(await host.installSpec(), () => {})).toEqual(refusal);
  expect(await host.ours()).toEqual([]);
  return refusal?.fix ?? '';
}

async function works(settings: Partial<DockerSettings>): Promise<void> {
  expect(await asked(settings)).toEqual({
    health: { status: 'OK', message: expect.stringMatching(/^Docker /) },
    refusal: undefined,
  });
}

describe('a socket', () => {
  const path = (name: string) => join(folder, name);
  const set = /VAPIORC_DOCKER_SOCKET to the path of (its|Docker's) socket/;

  test.each<[string, (at: string) => Promise<unknown>, RegExp]>([
    ['that is not there', async () => {}, /there is no such socket/],
    ['that is a folder', (at) => mkdir(at), /is not a socket/],
    ['that is a file', (at) => writeFile(at, ''), /is not a socket/],
    ['below a file', async (at) => writeFile(join(at, '..'), ''), /there is no such socket/],
  ])('%s is told, and the one that the advice means works', async (what, make, message) => {
    const at = what === 'below a file' ? path('file/docker.sock') : path(what);
    await make(at);
    await refused({ dockerSocket: at }, 'docker', message, set);
    await works({ dockerSocket: '/var/run/docker.sock' });
  });

  test('on which nobody listens any more is told apart from one that is not there', async () => {
    const at = path('left.sock');
    // Ends without the chance to remove its socket.
    const dead = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(at)}, () => console.log('on'))`,
    ]);
    await once(dead.stdout, 'data');
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    await refused(
      { dockerSocket: at },
      'docker',
      /nothing takes calls there/,
      /^Start Docker|: Start Docker|\. Start Docker/,
    );
  });

  test.each([
    ['a web server', 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>'],
    ['a web server that knows no such page', 'HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nno\n'],
    ['a server of something else', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
  ])('on which %s answers is no engine', async (name, bytes) => {
    const at = path(`${name.length}.sock`);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.write(bytes));
    }).listen(at);
    await once(server, 'listening');
    try {
      await refused({ dockerSocket: at }, 'docker', /is no Docker Engine/, set);
    } finally {
      server.close();
    }
  });

  test('of the containerd that Docker has is no engine', () =>
    refused({ dockerSocket: '/run/docker/containerd/containerd.sock' }, 'docker', /is no Docker Engine/, set));
});

test('Podman is known by its name and refused, for it drops what keeps guests apart; Docker beside it works', async () => {
  const socket = join(folder, 'podman.sock');
  const places = ['--root', join(folder, 'podman'), '--runroot', join(folder, 'podman-run')];
  // What it mounts goes with it.
  const line = ['--mount', 'podman', ...places, 'system', 'service', '--time=0', `unix://${socket}`];
  const podman = spawn('unshare', line, { stdio: 'ignore' });
  try {
    await until('Podman answers', () =>
      host
        .another({ dockerSocket: socket })
        .health()
        .then(({ provisioner }) => !/does not answer/.test(provisioner.message)),
    );
    await expect(host.another({ dockerSocket: socket }).guestWays()).rejects.toMatchObject({ part: 'docker' });
    const fix = await refused({ dockerSocket: socket }, 'docker', /is Podman \d.*enable_icc/, /Docker Engine/);
    await works({ dockerSocket: / (\/\S+) as a rule/.exec(fix)?.[1] ?? '' });
  } finally {
    podman.kill();
    await once(podman, 'exit');
  }
});

describe('an engine', () => {
  test.each([
    ['of Windows containers', { Os: 'windows' }, {}, /runs containers of windows/, /Linux containers/],
    ['of another processor', { Arch: 's390x' }, {}, /Docker host of s390x/, /amd64 or arm64/],
    ['that is too old', { Version: '19.03.15', ApiVersion: '1.40' }, {}, /19\.03\.15 is too old/, /20\.10/],
    [
      'that is rootless',
      {},
      { SecurityOptions: ['name=seccomp,profile=default', 'name=rootless'] },
      /rootless/,
      /socket/,
    ],
  ])('%s is refused', async (name, version, info, message, fix) => {
    const socket = join(folder, `${name}.sock`);
    const engine = await aLyingEngine(socket, (path, truth) => ({
      body: { ...truth, ...(path === '/version' ? version : info) },
    }));
    try {
      await refused({ dockerSocket: socket }, 'docker', message, fix);
    } finally {
      engine.close();
    }
  });

  test('that answers 500 to whatever it is asked is told in its own words, made fit to be shown', async () => {
    const socket = join(folder, 'broken.sock');
    const engine = await aLyingEngine(socket, () => ({ status: 500, body: { message: 'layer\u001b[31m 7 is odd' } }));
    try {
      await refused(
        { dockerSocket: socket },
        'docker',
        /^the Docker Engine refused with status 500: layer \[31m 7 is odd/,
        /logs of Docker/,
      );
    } finally {
      engine.close();
    }
  });
});

test('containers that may not read the storage are no wrong path: with an image that runs as root it works', async () => {
  const image = `vapiorc-test-nobody:${randomBytes(4).toString('hex')}`;
  const container = await docker.createContainer({ Image: STUB });
  await container.commit({ repo: image.split(':')[0], tag: image.split(':')[1], changes: 'USER 65534' });
  await container.remove({ v: true });
  await chmod(host.path, 0o700);
  try {
    const refusal = await host.another({ image }).install(await host.installSpec(), () => {});
    expect(refusal).toMatchObject({
      part: 'storage',
      message: expect.stringMatching(/^containers may not read the storage .*: .*Permission denied/),
      fix: expect.stringContaining('the guest image must run as root'),
    });
    const { storage } = await host.another({ image: STUB }).health();
    expect(storage).toMatchObject({ status: 'OK' });
  } finally {
    await docker.getImage(image).remove();
  }
});

describe('a network of VMs', () => {
  /** An interface of the host beside Docker's own. */
  const beside = `vp${randomBytes(3).toString('hex')}`;
  beforeAll(() => {
    execFileSync('ip', ['link', 'add', beside, 'type', 'bridge']);
    execFileSync('ip', ['link', 'set', beside, 'up']);
  });

  const names: string[] = [];
  async function make(options: object): Promise<string> {
    const name = `vapiorc_checked_${randomBytes(4).toString('hex')}`;
    names.push(name);
    await docker.createNetwork({ Name: name, ...options });
    return name;
  }
  const remove = (name: string) => docker.getNetwork(name).remove();
  afterAll(async () => {
    for (const name of names) await remove(name).catch(() => {});
    execFileSync('ip', ['link', 'delete', beside]);
  });

  /** As it stands in the advice: run as it is. */
  function follow(advice: string, name: string): void {
    const command = /docker network rm \S+(?=\))/.exec(advice)?.[0];
    expect(command).toBe(`docker network rm ${name}`);
    execFileSync('sh', ['-c', command ?? '']);
  }
  async function isMadeAnew(name: string): Promise<void> {
    await host.another({ network: name }).guestWays();
    await works({ network: name });
  }

  test.each([
    ['macvlan', { Driver: 'macvlan', Options: { parent: beside } }, /the driver macvlan/],
    ['ipvlan', { Driver: 'ipvlan', Options: { parent: beside } }, /the driver ipvlan/],
    ['internal', { Internal: true }, /is internal/],
  ])('that is %s is refused before anything begins; the advice helps', async (_what, options, message) => {
    const name = await make(options);
    follow(await refused({ network: name }, 'network', message, /VAPIORC_NETWORK/), name);
    await isMadeAnew(name);
  });

  test.each([
    ['host', /the driver host/],
    ['none', /the driver null/],
  ])('that every engine has, %s, can not be made anew: another is advised, and works', async (name, message) => {
    expect(await refused({ network: name }, 'network', message, /VAPIORC_NETWORK/)).not.toContain('network rm');
    await isMadeAnew(`${host.settings.network}_${name}`);
    await remove(`${host.settings.network}_${name}`);
  });

  test('whose guests can reach each other is told of; the advice helps', async () => {
    const name = await make({ Driver: 'bridge' });
    const { health, refusal } = await asked({ network: name });
    expect(refusal).toBeUndefined();
    expect(health).toEqual({ status: 'DEGRADED', message: expect.stringContaining('can reach each other') });
    follow(health.message, name);
    await isMadeAnew(name);

    const { health: ofDefault } = await asked({ network: 'bridge' });
    expect(ofDefault).toEqual({
      status: 'DEGRADED',
      message: expect.stringMatching(/can reach each other.*VAPIORC_NETWORK/),
    });
    expect(ofDefault.message).not.toContain('network rm');
  });

  test('that is Docker’s default one hides this host from guests in user mode: that is told, and the advice helps', async () => {
    expect(await doorsOf(host.another({ network: 'bridge' }))).toMatchObject({
      userProblem: expect.stringMatching(/is Docker's network "bridge" itself.* Give another VAPIORC_NETWORK/),
    });
    expect(await doorsOf(host.provisioner)).toHaveProperty('user', expect.stringMatching(/^[\d.]+$/));
  });

  test('whose addresses another interface of this host has too is told of; the advice helps', async () => {
    const options = { 'com.docker.network.bridge.enable_icc': 'false' };
    const IPAM = { Driver: 'default', Config: [{ Subnet: '10.240.10.0/24' }] };
    const name = await make({ Driver: 'bridge', IPAM, Options: options });
    await works({ network: name });
    execFileSync('ip', ['address', 'add', '10.240.0.7/16', 'dev', beside]);

    const { health } = await asked({ network: name });

    const words = `10.240.10.0/24) are those of this host's interface ${beside} too`;
    expect(health).toEqual({ status: 'DEGRADED', message: expect.stringContaining(words) });
    follow(health.message, name);
    await isMadeAnew(name);
  });
});
