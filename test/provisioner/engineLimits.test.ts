import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.js';
import { EngineLate, openEngine } from '../../src/provisioner/docker/engine/engine.js';
import { engineLimit } from '../../src/provisioner/docker/engine/engineLimits.js';
import { Tools } from '../../src/provisioner/docker/tools.js';
import { anEngineProxy, type EngineProxy } from '../system/support/engineProxy.js';
import { aDockerHost, type DockerHost, docker, STUB } from './aDockerHost.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-limits-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('every kind of request has a limit; a stop’s is longer than what the guest gets', () => {
  expect(engineLimit({ method: 'GET', path: '/containers/x/logs' })).toBeLessThanOrEqual(30_000);
  expect(engineLimit({ method: 'PATCH', path: '/what/nobody/thought/of' })).toBeLessThanOrEqual(30_000);
  expect(engineLimit({ method: 'POST', path: '/containers/x/stop', options: { t: 120 } })).toBeGreaterThan(120_000);
});

test('an engine that takes connections and says nothing: each call ends, and hangs up', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  const path = join(folder, 'silent.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const engine = openEngine(path, () => 100);
  const container = engine.getContainer('x');
  const calls: Record<string, () => Promise<unknown>> = {
    create: () => engine.createContainer({ Image: 'x' }),
    start: () => container.start(),
    stop: () => container.stop({ t: 1 }),
    inspect: () => container.inspect(),
    remove: () => container.remove({ force: true }),
    wait: () => container.wait(),
    logs: () => container.logs({ stdout: true }),
    exec: () => container.exec({ Cmd: ['x'] }),
    'exec start': () => engine.getExec('x').start({ hijack: true, stdin: true }),
    list: () => engine.listContainers(),
    pull: () => engine.pull('x:y'),
    events: () => engine.getEvents(),
    info: () => engine.info(),
    network: () => engine.getNetwork('x').inspect(),
  };
  for (const [name, call] of Object.entries(calls))
    expect(await call().catch((fault: unknown) => fault), name).toBeInstanceOf(EngineLate);
  await expect.poll(() => sockets.size).toBe(0);
  await new Promise((resolve) => server.close(resolve));
});

test('an engine whose answer breaks off in its middle: the call ends with its limit', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"Id":"abc"'));
  });
  const path = join(folder, 'cut.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const engine = openEngine(path, () => 300);
  await expect(engine.getContainer('x').inspect()).rejects.toThrow(EngineLate);
  await expect(engine.listContainers()).rejects.toThrow(EngineLate);
  await new Promise((resolve) => server.close(resolve));
}, 10_000);

describe('on a real engine', () => {
  let host: DockerHost;
  let engine: EngineProxy;
  beforeAll(async () => {
    host = await aDockerHost();
    engine = await anEngineProxy(join(folder, 'engine.sock'));
  });
  afterAll(async () => {
    await host?.remove();
    await engine?.close();
  });
  const LIMIT_MS = 4_000;
  const behindProxy = () =>
    host.another({ dockerSocket: engine.socket }, { engineLimit: (call) => Math.min(engineLimit(call), LIMIT_MS) });

  /** Asks until it is done, as the reconciler does. Answers how often it was refused. */
  async function insist(what: () => Promise<unknown>): Promise<number> {
    for (let refused = 0; ; refused++) {
      const answer = await what().catch((fault: unknown) => fault);
      if (!(answer instanceof Error)) return refused;
      expect(answer).toBeInstanceOf(Unavailable);
      if (refused > 5) throw answer;
    }
  }

  const KINDS = [
    'POST /containers/{}/wait tool',
    'POST /containers/create golden',
    'POST /containers/{}/start golden',
    'POST /containers/{}/stop golden',
    'GET /containers/{}/logs golden',
    'DELETE /containers/{}/ golden',
    'GET /containers/{}/json vm',
    'POST /containers/create vm',
    'POST /containers/{}/start vm',
    'DELETE /containers/{}/ vm',
  ];

  test('each call of a life hangs once: it is given up, and asked again it works', { timeout: 180_000 }, async () => {
    const held = KINDS.map((kind) => engine.hold(kind, 'after'));
    try {
      const provisioner = behindProxy();
      const install = await host.installSpec();
      let refused = await insist(() => provisioner.install(install, () => {}));
      await host.ask({ kind: 'golden', id: install.id }, 'read .stage');
      refused += await insist(() => provisioner.seal(install.id));
      const clone = await host.cloneSpec(install.id);
      refused += await insist(() => provisioner.clone(clone));
      await host.ask({ kind: 'vm', id: clone.id }, 'read .stage');
      refused += await insist(() => provisioner.destroy({ kind: 'vm', id: clone.id }));
      await insist(() => provisioner.deleteGolden(install.id));
      await provisioner.tidy();

      expect(KINDS.filter((_, n) => !held[n]?.isHeld())).toEqual([]);
      expect(refused).toBe(KINDS.length);
      expect(await provisioner.list()).toEqual([]);
      expect(await everything(host.deployment)).toEqual([]);
      await provisioner.close();
    } finally {
      for (const one of held) one.release();
    }
  });

  test('a throw-away container that could not be removed is swept; another server’s only after its time', async () => {
    const labels = (seconds: number) => ({
      'vapiorc.deployment': host.deployment,
      'vapiorc.tool': 'x',
      'vapiorc.tool-owner': 'another',
      'vapiorc.tool-seconds': String(seconds),
    });
    const [over, goesOn] = await Promise.all(
      [-3600, 3600].map((seconds) =>
        docker.createContainer({ Image: STUB, Entrypoint: ['true'], Labels: labels(seconds) }),
      ),
    );
    const tools = new Tools(
      openEngine(engine.socket, () => 1_000),
      host.deployment,
    );
    const held = engine.hold('DELETE /containers/{}/ tool', 'before');
    const tool = { image: STUB, command: ['true'] as [string], mounts: [], limitMs: 20_000 };
    await expect(tools.run(tool)).rejects.toThrow(EngineLate);
    const left = await everything(host.deployment);
    expect(left).toHaveLength(3);

    await tools.sweep();

    expect(await everything(host.deployment)).toEqual([goesOn?.id]);
    expect(left).toContain(over?.id);
    held.release();
    await goesOn?.remove();
  });
});

async function everything(deployment: string): Promise<string[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`vapiorc.deployment=${deployment}`] } });
  return found.map(({ Id }) => Id);
}
