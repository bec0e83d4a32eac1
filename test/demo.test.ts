import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anyPort } from './support/anyPort.js';
import { until } from './support/until.js';
import { ensureBuilt, ROOT } from './system/support/build.js';

const started: Demo[] = [];

beforeAll(ensureBuilt);
afterAll(async () => {
  for (const { child, ended, folder } of started) {
    child.kill('SIGINT');
    await ended();
    await rm(folder, { recursive: true });
  }
});

interface Demo {
  child: ChildProcess;
  said: () => string;
  /** Where it makes its folder. */
  folder: string;
  ended: () => Promise<number | null>;
}

async function startDemo(...args: string[]): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-demo-test-'));
  await chmod(folder, 0o755); // Postgres is another user than root
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'demo/run.ts'), ...args], {
    env: { ...process.env, TMPDIR: folder, VAPIORC_PORT: String(await anyPort()) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const closed = once(child, 'close');
  const demo = { child, said: () => said, folder, ended: async () => (await closed)[0] as number | null };
  started.push(demo);
  return demo;
}

/** Its folder, the server with its Postgres, and the port. */
async function whatIsLeft({ folder, said }: Demo): Promise<unknown[]> {
  const url = /at (http:\S+) \.\.\./.exec(said())?.[1] as string;
  const answers = await fetch(`${url}/health`).then(
    () => [url],
    () => [],
  );
  const folders = (await readdir(folder)).filter((name) => name.startsWith('vapiorc-demo-'));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const of = async (pid: string) =>
    `${await readFile(`/proc/${pid}/cmdline`, 'utf8')} ${await readFile(`/proc/${pid}/environ`, 'utf8')}`;
  const processes = await Promise.all(pids.map((pid) => of(pid).catch(() => '')));
  return [...answers, ...folders, ...processes.filter((text) => text.includes(folder))];
}

describe.concurrent('the demo', { timeout: 120_000 }, () => {
  test('goes from the first golden image to the release by itself, in a terminal of 80 columns', async () => {
    const demo = await startDemo('--once');
    const code = await demo.ended();
    expect([code, demo.said()]).toEqual([0, expect.stringContaining('2 of 2 spares are ready')]);
    for (const shown of [
      'SIMULATED',
      'createGoldenImage',
      'FULFILLED',
      'Build succeeded',
      'in the list: the same',
      'VM_DESTROYED',
    ])
      expect(demo.said()).toContain(shown);
    expect(
      demo
        .said()
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
    expect(await whatIsLeft(demo)).toEqual([]);
  });

  test('goes on for people to try until it is interrupted, and leaves nothing', async () => {
    const demo = await startDemo();
    await until('it can be tried', async () => demo.said().includes('until Ctrl-C'), 100_000);
    const url = /GraphiQL.* (http:\S+)/.exec(demo.said())?.[1] as string;
    expect((await fetch(url, { headers: { accept: 'text/html' } })).status).toBe(200);
    demo.child.kill('SIGINT');
    expect(await demo.ended()).toBe(0);
    expect(await whatIsLeft(demo)).toEqual([]);
  });

  test('says that it failed when the server crashes, and leaves nothing', async () => {
    const demo = await startDemo('--once');
    await until('the client is at work', async () => demo.said().includes('Watch it install'), 60_000);
    const pids = (await readFile(`/proc/${demo.child.pid}/task/${demo.child.pid}/children`, 'utf8')).trim().split(' ');
    for (const pid of pids)
      if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('main.js')) process.kill(Number(pid), 'SIGKILL');
    expect(await demo.ended()).toBe(1);
    expect(demo.said()).toContain('FAILED: ');
    expect(await whatIsLeft(demo)).toEqual([]);
  });
});
