import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { ROOT } from './support/build.js';
import { aDeployment, type Deployment, docker, removeMachines, removeNetwork } from './support/deployment.js';
import { createProxy, type Outage } from './support/proxy.js';
import type { Server } from './support/server.js';

const SOCKET = '/var/run/docker.sock';
const NOBODY = 65_534;
const hasKvm = existsSync('/dev/kvm') && /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));

let database: TestDatabase;
let deployment: Deployment;
beforeEach(async () => {
  database = await createTestDatabase();
  deployment = await aDeployment({ DATABASE_URL: database.url });
});
afterEach(async () => {
  await deployment?.remove();
  await database?.drop();
});

/** Runs the server with mounts of its own, made by these commands. */
const withMounts = (commands: string) => ['unshare', '--mount', 'sh', '-c', `set -e; ${commands}; exec "$@"`, 'sh'];

test('without Docker it starts, says what is missing, refuses what needs it, and goes on once Docker is there', {
  timeout: 90_000,
}, async () => {
  const socket = join(deployment.folder, 'docker.sock');
  const server = deployment.launch({ VAPIORC_DOCKER_SOCKET: socket });
  expect(await server.banner()).toMatch(
    /down +provisioner +the Docker Engine does not answer at .*Start Docker, or set VAPIORC_DOCKER_SOCKET/,
  );
  expect(await api.health(server)).toMatchObject({
    code: 200,
    body: { status: 'degraded', provisioner: { status: 'down', message: expect.stringContaining(socket) } },
  });
  expect(await api.tryCreateImage(server)).toMatchObject({
    __typename: 'Unavailable',
    code: 'UNAVAILABLE',
    message: expect.stringContaining(socket),
    fix: expect.stringContaining('VAPIORC_DOCKER_SOCKET'),
  });

  const engine = createProxy({ path: socket }, { path: SOCKET });
  await engine.open();
  await until('its health is good', async () => (await api.health(server)).body.status === 'ok');
  const { id } = await api.createImage(server);
  await api.imageReady(server, id);

  await engine.close();
  await until('it notices', async () => (await api.health(server)).body.provisioner.status === 'down');
  await engine.open();
  await api.sparesReady(server, 2);
  await server.stop();
  await engine.close();
});

describe('a user who may not use Docker', () => {
  /** The built server as nobody, who is in these groups. The folder of the checkout may be closed to others: it gets it at a place of its own. */
  async function launchAsNobody(groups: string, settings: Record<string, string>): Promise<Server> {
    const { folder, storage } = deployment;
    const [app, node] = [join(folder, 'app'), join(folder, 'node')];
    for (const place of [app, storage]) await mkdir(place, { recursive: true });
    await writeFile(node, '');
    await chown(storage, NOBODY, NOBODY);
    const user = `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} ${groups} "${node}" "${app}/dist/main.js"`;
    const mounts = `mount --bind "${ROOT}" "${app}"; mount --bind "${process.execPath}" "${node}"; ${user}`;
    return deployment.launch(settings, withMounts(mounts));
  }
  const ofDocker = () => execFileSync('stat', ['--format=%g', SOCKET], { encoding: 'utf8' }).trim();

  /** Refused with this when it starts and when it is asked; with the advice followed it works. */
  async function refusedUntil(
    {
      message,
      fix,
      ...settings
    }: { VAPIORC_DOCKER_SOCKET: string; DATABASE_URL?: string; message: string; fix: RegExp },
    follow: (advice: string) => Promise<string>,
  ): Promise<void> {
    const first = await launchAsNobody('--clear-groups', settings);
    expect(await first.banner()).toContain(message);
    const refusal = await api.tryCreateImage(first);
    expect(refusal).toMatchObject({ __typename: 'Unavailable', message, fix: expect.stringMatching(fix) });
    expect((await api.health(first)).body.provisioner).toMatchObject({ status: 'down' });
    await first.stop();

    const second = await launchAsNobody(await follow('fix' in refusal ? refusal.fix : ''), settings);
    expect(await second.banner()).toMatch(/ok +provisioner +Docker/);
    await second.stop();
  }
  async function aSocket(path: string, mode: number): Promise<Outage> {
    const engine = createProxy({ path }, { path: SOCKET });
    await engine.open();
    await chmod(path, mode);
    return engine;
  }

  test('is told which group to join', { timeout: 90_000 }, () =>
    refusedUntil(
      {
        VAPIORC_DOCKER_SOCKET: SOCKET,
        DATABASE_URL: '',
        message: `no permission on the Docker socket ${SOCKET}`,
        fix: /user nobody to the group docker/,
      },
      async () => `--groups=${ofDocker()}`,
    ),
  );

  test('and no group may is told so', { timeout: 90_000 }, async () => {
    const socket = join(deployment.folder, 'own.sock');
    const engine = await aSocket(socket, 0o600);
    const message = `no permission on the Docker socket ${socket}`;
    await refusedUntil(
      { VAPIORC_DOCKER_SOCKET: socket, message, fix: /^Run vapiorc as the user root, .*chgrp docker/ },
      async (advice) => {
        execFileSync('sh', ['-c', /chgrp docker .*(?=\.$)/.exec(advice)?.[0] ?? 'false']);
        return `--groups=${ofDocker()}`;
      },
    );
    await engine.close();
  });

  test('and can not even pass to the socket is told which folder is closed', { timeout: 90_000 }, async () => {
    const closed = join(deployment.folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const socket = join(closed, 'docker.sock');
    const engine = await aSocket(socket, 0o666);
    const message = `no permission on the way to the Docker socket ${socket}: the folder ${closed} does not let nobody in`;
    await refusedUntil({ VAPIORC_DOCKER_SOCKET: socket, message, fix: /^Let nobody pass/ }, async (advice) => {
      execFileSync('sh', ['-c', /chmod [^)]*/.exec(advice)?.[0] ?? 'false']);
      return '--clear-groups';
    });
    await engine.close();
  });
});

test('DOCKER_HOST names the socket where nothing else does; one of another host ends the server, with the setting that mends it', {
  timeout: 90_000,
}, async () => {
  const socket = join(deployment.folder, 'its.sock');
  const ofSocket = deployment.launch({ DOCKER_HOST: `unix://${socket}` });
  expect(await ofSocket.banner()).toMatch(new RegExp(`down +provisioner +.*${socket}: there is no such socket`));
  await ofSocket.stop();

  const remote = deployment.launch({ DOCKER_HOST: 'tcp://203.0.113.1:2375' });
  expect(await remote.exited()).toBe(1);
  const [, name = '', value = ''] = /DOCKER_HOST: .*(VAPIORC_DOCKER_SOCKET)=([^,]+),/.exec(remote.stdout()) ?? [];
  const mended = await deployment.start({
    DOCKER_HOST: 'tcp://203.0.113.1:2375',
    [name]: value,
    VAPIORC_DOCKER_SOKET: socket,
  });
  expect(mended.stdout()).toContain('VAPIORC_DOCKER_SOKET is set, and is no setting: see docs/settings.md');
  expect(mended.stderr()).toContain('"names":["VAPIORC_DOCKER_SOKET"]');
  expect(mended.stdout()).toMatch(
    /ok +provisioner +Docker .*DOCKER_HOST is not used: VAPIORC_DOCKER_SOCKET is set and wins/,
  );
  await mended.stop();
});

test('a network that is not fit for VMs any more: nothing begins, the pool says why, and the advice helps', {
  timeout: 180_000,
}, async () => {
  const first = await deployment.start();
  await api.imageReady(first, (await api.createImage(first)).id);
  await first.stop();

  const VAPIORC_NETWORK = `${deployment.network}_internal`;
  await docker.createNetwork({ Name: VAPIORC_NETWORK, Internal: true });
  try {
    const server = await deployment.start({ VAPIORC_NETWORK });
    expect(server.stdout()).toMatch(/down +provisioner +.* is internal/);
    expect(await api.tryCreateImage(server)).toMatchObject({ __typename: 'Unavailable', code: 'UNAVAILABLE' });
    const blocked = await until('the pool says it', async () => {
      const { blocked } = (await api.getPool(server)) ?? {};
      return blocked?.includes('is internal') && blocked;
    });

    execFileSync('sh', ['-c', /docker network rm [\w.]+/.exec(blocked)?.[0] ?? 'false']);

    await api.sparesReady(server, 2);
    await until('the pool says nothing any more', async () => (await api.getPool(server))?.blocked === null);
    await server.stop();
  } finally {
    await removeMachines(deployment.storage);
    await removeNetwork(VAPIORC_NETWORK);
  }
});

test.skipIf(hasKvm)('without KVM a golden image is refused at once, not after half an hour', async () => {
  const server = await deployment.start({ VAPIORC_KVM: 'on' });
  expect(server.stdout()).toMatch(/down +provisioner .*(KVM|virtualization).*VAPIORC_KVM=off/);
  expect(await api.tryCreateImage(server)).toMatchObject({
    __typename: 'Unavailable',
    message: expect.stringMatching(/KVM|virtualization/),
    fix: expect.stringContaining('VAPIORC_KVM=off'),
  });
  expect(await deployment.containers()).toEqual([]);
  await server.stop();
});

test('a read-only storage is named with the fix', async () => {
  await mkdir(deployment.storage);
  const server = deployment.launch({}, withMounts(`mount -t tmpfs -o ro none "${deployment.storage}"`));
  expect(await server.banner()).toMatch(/down +storage +.*is read-only\. Mount it writable/);
  expect(await api.tryCreateImage(server)).toMatchObject({
    __typename: 'Unavailable',
    message: `the storage at ${deployment.storage} is read-only`,
    fix: 'Mount it writable.',
  });
  await server.stop();
});

test('a full storage is named with the fix', async () => {
  await mkdir(deployment.storage);
  const fill = `mount -t tmpfs -o size=64k none "$S"; head -c 64k /dev/zero > "$S/fill"`.replaceAll(
    '$S',
    deployment.storage,
  );
  const server = deployment.launch({}, withMounts(fill));
  expect(await server.banner()).toMatch(/down +storage +.*is full\. Free space there/);
  expect(await api.tryCreateImage(server)).toMatchObject({
    __typename: 'CapacityExhausted',
    message: `the storage at ${deployment.storage} is full`,
  });
  await server.stop();
});

test('the embedded database on a read-only storage: the server ends, and says why', async () => {
  await mkdir(deployment.storage);
  await chmod(deployment.storage, 0o755);
  const server = deployment.launch(
    { DATABASE_URL: '' },
    withMounts(`mount -t tmpfs -o ro none "${deployment.storage}"`),
  );
  expect(await server.exited()).toBe(1);
  expect(server.stdout()).toMatch(/vapiorc cannot start: .*read-only/);
});

test('the embedded database where others can not enter the storage: each start and health say where it is', async () => {
  await chmod(deployment.folder, 0o700);
  const server = deployment.launch({ DATABASE_URL: '' });
  const said = await server.banner();
  const elsewhere = await readlink(join(deployment.storage, 'postgres'));
  try {
    expect(said).toContain(`its files are in ${elsewhere}, outside the storage`);
    expect(server.stderr()).toContain('the embedded database lies outside the storage');
    const { body } = await api.health(server);
    expect(body.database).toMatchObject({ status: 'ok', message: expect.stringContaining(`${elsewhere}, outside`) });
  } finally {
    await server.stop();
    await rm(elsewhere, { recursive: true });
  }
});

test('a port range that strangers hold is told with the setting that mends it', async () => {
  const { start } = deployment.ports;
  const stranger = createServer().listen(start + 1000, '127.0.0.1');
  await once(stranger, 'listening');
  try {
    const server = await deployment.start({ VAPIORC_PORT_END: String(start), VAPIORC_HOT_SPARES: '0' });
    const { id } = await api.createImage(server);
    const image = await until('it says what it waits for', async () => {
      const image = await api.getImage(server, id);
      return image.message?.startsWith('waiting') && image;
    });
    expect(image.message).toMatch(new RegExp(`every port from ${start} to ${start} is in use`));
    expect(await deployment.containers()).toEqual([]);
    await server.stop();
  } finally {
    stranger.close();
  }
});

test('bad settings: it ends with code 1 and names all of them, and no password', async () => {
  const server = deployment.launch({
    DATABASE_URL: 'mysql://root:very-secret@db/vapiorc',
    VAPIORC_KVM: 'maybe',
    VAPIORC_PORT: '123456',
    VAPIORC_HOT_SPARES: 'many',
  });
  expect(await server.exited()).toBe(1);
  expect(server.stdout()).toMatch(/^vapiorc cannot start: bad configuration/m);
  for (const name of ['DATABASE_URL', 'VAPIORC_KVM', 'VAPIORC_PORT', 'VAPIORC_HOT_SPARES'])
    expect(server.stdout()).toMatch(new RegExp(`^  ${name}: `, 'm'));
  expect(server.stdout() + server.stderr()).not.toContain('very-secret');
});

test('a port that somebody else holds: it ends with code 1 and says so', async () => {
  const { api: port } = deployment.ports;
  const stranger = createServer().listen(port, '127.0.0.1');
  await once(stranger, 'listening');
  try {
    const server = deployment.launch();
    expect(await server.exited()).toBe(1);
    expect(server.stderr()).toContain(`another program listens on 127.0.0.1:${port}; stop it or set VAPIORC_PORT`);
  } finally {
    stranger.close();
  }
});
