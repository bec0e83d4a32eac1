import { afterEach, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { freePort } from './support/ports.js';
import type { Server } from './support/server.js';

let deployment: Deployment | undefined;
let redis: TestRedis | undefined;
afterEach(async () => {
  await deployment?.remove();
  await redis?.stop();
  deployment = redis = undefined;
});

interface Line {
  level: number;
  msg: string;
  said?: string;
  err?: { message: string; stack: string };
}

/** Fails where a line on stderr is not one of the log. */
function logOf(server: Server): Line[] {
  const lines = server.stderr().split('\n').slice(0, -1);
  return lines.map((line) => {
    expect(line).toMatch(/^\{"level":\d+,"time":\d+,.*\}$/);
    return JSON.parse(line) as Line;
  });
}

/** Runs this in the server's process before the server. */
const beforehand = (script: string) => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
});

test('what a Redis makes its library print is a line of the log', async () => {
  redis = await startRedis();
  deployment = await aDeployment({
    VAPIORC_PROVISIONER: 'simulated',
    REDIS_URL: redis.url.replace('//', '//:needless-secret@'),
  });
  const server = await deployment.start();
  await until('the library has said it', async () =>
    logOf(server).some(({ said }) => said?.includes('does not require a password')),
  );
  await redis.stop();
  await until('the outage is logged', async () => logOf(server).some(({ msg }) => msg.startsWith('bus is away')));
  await server.stop();
  expect(logOf(server).map(({ msg }) => msg)).toContain('stopping');
  expect(server.stderr()).not.toContain('needless-secret');
});

test('with nothing there that it needs, each line on stderr is one of the log, Node’s warnings too', async () => {
  const nobody = await freePort();
  deployment = await aDeployment({
    DATABASE_URL: `postgresql://nobody:secret@127.0.0.1:${nobody}/none?sslmode=require`,
    REDIS_URL: `redis://127.0.0.1:${nobody}`,
    ...beforehand("setTimeout(() => process.emitWarning('of-a-library'), 500)"),
    VAPIORC_DOCKER_SOCKET: '/nowhere/docker.sock',
  });
  const server = deployment.launch();
  await until('it says that the database is away', async () =>
    logOf(server).some(({ msg }) => msg.startsWith('the database cannot be used')),
  );
  // As a library does that calls what is deprecated.
  const warns = ({ msg, err }: ReturnType<typeof logOf>[number]) =>
    msg === 'Node warns' && err?.message === 'of-a-library';
  expect(logOf(server).some(warns)).toBe(true);
  await server.stop();
  logOf(server);
});

test.each([
  ['an exception', 'throw new Error("nobody caught this")'],
  ['a rejection', 'Promise.reject(new Error("nobody caught this"))'],
])('%s that nothing catches is logged once, with its stack, and ends the server with code 1', async (_, fault) => {
  deployment = await aDeployment({ VAPIORC_PROVISIONER: 'simulated' });
  const server = deployment.launch(beforehand(`process.on('SIGUSR2', () => { ${fault} })`));
  await server.banner();
  server.signal('SIGUSR2');
  expect(await server.exited()).toBe(1);
  expect(logOf(server).filter(({ err }) => err?.message === 'nobody caught this')).toMatchObject([
    { level: 60, err: { stack: expect.stringContaining('at process') } },
  ]);
  // Its database lives on: the next start finds it, and stops it in the end.
  await (await deployment.start()).stop();
});

test('a start that fails is a line of the log, and a text for people on stdout', async () => {
  deployment = await aDeployment({ VAPIORC_KVM: 'maybe' });
  const server = deployment.launch();
  expect(await server.exited()).toBe(1);
  expect(logOf(server)).toMatchObject([
    { level: 60, msg: 'vapiorc cannot start', err: { message: expect.stringContaining('VAPIORC_KVM') } },
  ]);
  expect(server.stdout()).toMatch(/^vapiorc cannot start: [\s\S]*VAPIORC_KVM/);
});

test('it goes on when nobody reads its stdout any more', { timeout: 90_000 }, async () => {
  deployment = await aDeployment({ VAPIORC_PROVISIONER: 'simulated' });
  // Bash's own way of a reader that is gone: its end of the pipe is closed at once.
  const server = deployment.launch({}, ['bash', '-c', 'exec "$@" > >(exec true)', 'bash']);
  const answers = async () => (await api.health(server).catch(() => undefined))?.code === 200;
  await until('it answers', answers, 60_000); // as the banner gets
  logOf(server);
  await server.stop();
});
