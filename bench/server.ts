import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyPort } from '../test/support/anyPort.js';
import type { Kit } from './kit.js';
import { readServerLog } from './serverLog.js';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

export interface Server {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/**
 * Starts the server as a user does: a process of its own, configured by its environment, with simulated VMs. Set
 * BENCH_CPU_PROF to a folder to get a CPU profile of each.
 */
export async function startServer(kit: Kit, databaseUrl: string, env: Record<string, string> = {}): Promise<Server> {
  const main = await kit.program();
  const port = await anyPort();
  const storage = await mkdtemp(join(kit.folder, 'server-'));
  const profiles = process.env.BENCH_CPU_PROF;
  const args = [...(profiles ? ['--cpu-prof', '--cpu-prof-dir', profiles] : []), main];
  const child = spawn(process.execPath, args, {
    cwd: dirname(dirname(main)),
    env: {
      ...ownEnvironment(),
      DATABASE_URL: databaseUrl,
      VAPIORC_PORT: String(port),
      VAPIORC_STORAGE_PATH: storage,
      VAPIORC_PROVISIONER: 'simulated',
      VAPIORC_LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log = readServerLog(child.stderr, (text) => kit.say(text));
  const exited = once(child, 'exit');
  await once(child, 'spawn');

  const stop = kit.opened('server', async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(late);
    for (const [text, count] of log()) if (count > 1) kit.say(`server said ${count} times: ${text}`);
  });
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + START_LIMIT_MS; !(await answers(url)); await sleep(50)) {
    const ended = child.exitCode ?? child.signalCode;
    if (ended === null && Date.now() < end) continue;
    const what = ended === null ? `was not up within ${START_LIMIT_MS} ms` : `ended with ${ended}`;
    throw new Error(`the server ${what}; see its log above`);
  }
  return { url, pid: child.pid as number, stop };
}

/** The caller's settings of vapiorc are not this server's. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(VAPIORC_|DATABASE_URL$|REDIS_URL$|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":"{ __typename }"}',
  }).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.status === 200;
}
