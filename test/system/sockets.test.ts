import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { followEvents } from './support/follow.js';

/** As in docker-compose.yml: Postgres and Redis behind sockets in shared folders. */
let folder: string;
let postgres: EmbeddedPostgres;
let redis: ChildProcess;
let deployment: Deployment;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-sockets-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'pg sock'));
  await chmod(join(folder, 'pg sock'), 0o777); // Postgres is another user than root
  postgres = await startEmbeddedPostgres({
    dir: join(folder, 'postgres'),
    log: createLog('silent'),
    settings: { unix_socket_directories: `"${join(folder, 'pg sock')}"`, fsync: 'off' },
  });
  redis = spawn('redis-server', ['--port', '0', '--unixsocket', join(folder, 'redis.sock'), '--save', ''], {
    stdio: 'ignore',
  });
  await once(redis, 'spawn');
});
afterEach(async () => {
  await deployment?.remove();
  redis?.kill();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('the server works with a Postgres and a Redis that are behind sockets', { timeout: 60_000 }, async () => {
  const { username, password, port } = new URL(postgres.url);
  const host = encodeURIComponent(join(folder, 'pg sock'));
  deployment = await aDeployment({
    VAPIORC_PROVISIONER: 'simulated',
    VAPIORC_SIMULATED_INSTALL_MS: '300',
    VAPIORC_SIMULATED_BOOT_MS: '200',
    // No such name: whoever did not take the socket would fail.
    DATABASE_URL: `postgresql://${username}:${password}@no-such-host.invalid:${port}/vapiorc?host=${host}`,
    REDIS_URL: `unix://${join(folder, 'redis.sock')}`,
  });
  const server = await deployment.start();
  expect(await api.health(server)).toMatchObject({
    code: 200,
    body: {
      status: 'ok',
      database: { status: 'ok' },
      bus: { status: 'ok', message: expect.stringContaining('Redis') },
    },
  });
  const events = await followEvents(server);
  const { id } = await api.createImage(server);
  await api.imageReady(server, id);
  await api.sparesReady(server, 2);
  const { vm } = await api.assignVm(server, { assignedTo: 'the test' });
  await events.until('it is told', ({ kind, vmId }) => kind === 'VM_ASSIGNED' && vmId === vm?.instanceId, 2_000);
  await events.stop();

  redis.kill('SIGKILL');
  await until('it notices that Redis is gone', async () => (await api.health(server)).body.bus.status !== 'ok');
  await server.stop();
});
