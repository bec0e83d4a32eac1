import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.js';
import { type AgentWorld, SECOND_MS, startAgentWorld } from './support/agentWorld.js';

let guest: AgentWorld;
let server: AgentWorld['server'];
let windows: AgentWorld['windows'];
beforeEach(async () => {
  guest = await startAgentWorld();
  ({ server, windows } = guest);
});
afterEach(() => guest.close());

describe('after a restart', () => {
  test('reports what it had not told: what ended with its exit code, what ran as lost, and nothing twice', async () => {
    server.answering = ({ call }) => (call === 'result' ? { status: 500 } : undefined);
    const first = windows.start();
    const told = guest.order('exit 1');
    const ended = guest.order('out done\nexit 2');
    const ran = guest.order('wait 60000000\nexit 0');
    await until('the start of the last', async () => first.deeds.filter(({ exec }) => exec).length === 3);
    await until('a result', async () => windows.read(`vapiorc/jobs/${ended.id}/result`) !== undefined);
    await until('a result', async () => windows.read(`vapiorc/jobs/${told.id}/result`) !== undefined);
    await first.stop();
    writeFileSync(join(windows.drive, `vapiorc/jobs/${told.id}/sent`), '');
    server.answering = undefined;
    server.calls.length = 0;

    windows.start();

    expect(await server.awaitResult(ended.id)).toMatchObject({
      state: 'exited',
      exit: '2',
      stdout: '4',
      via: 'share',
    });
    expect(await server.awaitResult(ran.id)).toMatchObject({ state: 'lost' });
    await server.awaitCall('next', 2);
    expect(server.called('result')).toHaveLength(2);
  });

  test('keeps the folders of the last commands only', async () => {
    windows.start();
    for (let n = 0; n < 45; n++) await server.awaitResult(guest.order('exit 0').id);
    expect(readdirSync(join(windows.drive, 'vapiorc/jobs')).length).toBeLessThanOrEqual(40);
  });
});

describe('in two', () => {
  const log = (file: string, text: string) =>
    until(`${file}: ${text}`, async () => windows.read(`vapiorc/${file}`)?.includes(text));
  beforeEach(() => {
    windows.sleptSecondMs = SECOND_MS;
  });
  const sessions = () => [...new Set(server.called('next').map(({ lines }) => lines.session))];

  test('the one of the desktop speaks, and the service steps back when it comes', async () => {
    windows.start({ args: ['service'] });
    await server.awaitCall('next', 2);
    windows.start();
    await log('service.log', 'leaves the server');
    await server.awaitCall('ready', 2);
    const before = server.calls.length;
    await server.awaitCall('next', server.called('next').length + 4);
    expect(new Set(server.calls.slice(before).map(({ lines }) => lines.session)).size).toBe(1);
    expect(sessions()).toHaveLength(2);
  });

  test('the service waits for the desktop where Windows logs a user on by itself', async () => {
    const service = windows.start({ args: ['service'], registry: { AutoAdminLogon: '1' } });
    const started = Date.now();
    await server.awaitCall('ready');
    expect((service.deeds.find(({ at }) => at)?.at ?? 0) - started).toBeGreaterThan(170_000);
  });

  test('the service takes over when the desktop is gone', async () => {
    const desktop = windows.start();
    await server.awaitCall('next');
    windows.start({ args: ['service'], registry: { AutoAdminLogon: '1' } });
    await log('service.log', 'starts');
    await server.awaitCall('next', 4);
    expect(sessions()).toHaveLength(1);
    await desktop.stop();
    await server.awaitCall('ready', 2);
  });

  test('what the service runs goes on when the desktop comes, and is told once, by the desktop', async () => {
    windows.start({ args: ['service'] });
    const job = guest.order('out from the service\nwait 40000\nexit 6');
    await until('the start', async () => windows.read(`vapiorc/jobs/${job.id}/stdout`) !== undefined);
    windows.start();
    const { session } = await server.awaitCall('ready', 2);
    expect(await server.awaitResult(job.id)).toMatchObject({ state: 'exited', exit: '6', session });
    await server.awaitCall('next', server.called('next').length + 3);
    expect(server.called('result')).toHaveLength(1);
  });
});

test('started by Windows, it goes on in a console without a window', async () => {
  const agent = windows.start({ args: [], host: 'C:\\Windows\\System32\\WScript.exe' });
  expect(await agent.quits()).toBe(0);
  expect(agent.runs()).toEqual(['cmd.exe /d /c C:\\vapiorc\\agent.cmd desktop']);
  expect(server.calls).toEqual([]);
});

test('its log is bounded, and has neither the token nor what a command says', async () => {
  mkdirSync(join(windows.drive, 'vapiorc'));
  writeFileSync(join(windows.drive, 'vapiorc/agent.log'), 'x'.repeat(1_048_577));
  windows.start();
  await server.awaitResult(guest.order('out secret-words\nexit 0').id);
  const text = windows.read('vapiorc/agent.log') ?? '';
  expect(text.length).toBeLessThan(2000);
  expect(windows.read('vapiorc/agent.log.1')).toHaveLength(1_048_577);
  expect(text).toContain('exited 0');
  expect(text).not.toMatch(/token-of-it|secret-words/);
});
