import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { ROOT } from './support/build.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { createProxy } from './support/proxy.js';

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

test('without the right to use Docker it says which group to join', { timeout: 60_000 }, async () => {
  // The folder of the checkout may be closed to others: the user gets it at a place of its own.
  const { folder, storage } = deployment;
  const [app, node] = [join(folder, 'app'), join(folder, 'node')];
  await mkdir(app);
  await writeFile(node, '');
  await mkdir(storage);
  await chown(storage, NOBODY, NOBODY);
  const user = `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "${node}" "${app}/dist/main.js"`;
  const mounts = `mount --bind "${ROOT}" "${app}"; mount --bind "${process.execPath}" "${node}"; ${user}`;
  const server = deployment.launch({ DATABASE_URL: '' }, withMounts(mounts)); // the embedded Postgres as this user, too

  expect(await server.banner()).toMatch(/no permission on the Docker socket .*group docker/);
  expect(await api.tryCreateImage(server)).toMatchObject({
    __typename: 'Unavailable',
    message: `no permission on the Docker socket ${SOCKET}`,
    fix: expect.stringContaining('group docker'),
  });
  await server.stop();
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
