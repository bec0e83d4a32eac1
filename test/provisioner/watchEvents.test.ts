import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.js';
import { openEngine } from '../../src/provisioner/docker/engine/engine.js';
import { watchEvents } from '../../src/provisioner/docker/engine/watchEvents.js';
import { until } from '../support/until.js';
import { docker, STUB } from './aDockerHost.js';

const deployment = `test-${randomUUID().slice(0, 8)}`;
let folder: string;
let sockets: Socket[];
let server: ReturnType<typeof createServer>;

/** An engine whose connections can be cut. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-events-'));
  sockets = [];
  server = createServer((socket) => {
    const engine = connect('/var/run/docker.sock');
    sockets.push(socket, engine);
    socket.pipe(engine).pipe(socket);
    for (const end of [socket, engine]) end.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'docker.sock'), resolve));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function aMachineComesAndGoes(labels: Record<string, string>): Promise<void> {
  const container = await docker.createContainer({
    Image: STUB,
    Entrypoint: ['true'],
    Labels: labels,
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  await container.wait();
  await container.remove({ force: true, v: true });
}

test('hints go on after the engine was away, and who depends on it is told', async () => {
  const stopped = new AbortController();
  const hints: string[] = [];
  let reconnects = 0;
  const deps = {
    engine: openEngine(join(folder, 'docker.sock')),
    deployment,
    network: 'bridge',
    log: createLog('silent'),
  };
  const watching = watchEvents(
    deps,
    (ref) => hints.push(ref.id),
    () => reconnects++,
    stopped.signal,
  );
  const hinted = (id: string) =>
    until(`a hint for ${id}`, async () => {
      await aMachineComesAndGoes({ 'vapiorc.deployment': deployment, 'vapiorc.vm': id });
      return hints.includes(id);
    });

  await hinted('before');
  for (const socket of sockets.splice(0)) socket.destroy();
  await hinted('after');

  expect(reconnects).toBe(1);
  stopped.abort();
  await watching;
});

test('a stranger is no hint', async () => {
  const stopped = new AbortController();
  const hints: string[] = [];
  const deps = {
    engine: openEngine(join(folder, 'docker.sock')),
    deployment,
    network: 'bridge',
    log: createLog('silent'),
  };
  const watching = watchEvents(
    deps,
    (ref) => hints.push(ref.id),
    () => {},
    stopped.signal,
  );

  await until('a hint of ours', async () => {
    await aMachineComesAndGoes({ 'vapiorc.deployment': 'another', 'vapiorc.vm': 'theirs' });
    await aMachineComesAndGoes({ 'vapiorc.deployment': deployment });
    await aMachineComesAndGoes({ 'vapiorc.deployment': deployment, 'vapiorc.vm': 'ours' });
    return hints.includes('ours');
  });

  expect(new Set(hints)).toEqual(new Set(['ours']));
  stopped.abort();
  await watching;
});
