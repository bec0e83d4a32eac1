/**
 * `npm run demo`: the real server with simulated VMs, and a client that shows what it can do. For a machine with Node alone. Everything
 * lies in a folder of its own, which is removed at the end. It goes on, for people to try, until Ctrl-C; with --once it ends by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { takeLine } from './show.js';

/** Not bound by anybody: simulated VMs have no ports but in name. */
const VM_PORTS = { VAPIORC_PORT_START: '20000', VAPIORC_PORT_END: '20099' };
/** Where people expect the server; another one when it is taken. */
const PORT = Number(process.env.VAPIORC_PORT ?? 8000);
const START_LIMIT_MS = 60_000;
/** The server's own limit is 30 s. */
const STOP_LIMIT_MS = 35_000;

const BANNER = String.raw`
  ____  ___  __  __  _   _  _        _   _____  _____  ____
 / ___||_ _||  \/  || | | || |      / \ |_   _|| ____||  _ \
 \___ \ | | | |\/| || | | || |     / _ \  | |  |  _|  | | | |
  ___) || | | |  | || |_| || |___ / ___ \ | |  | |___ | |_| |
 |____/|___||_|  |_| \___/ |_____/_/   \_\|_|  |_____||____/

 The server is the real one, with its database, its rules and its APIs.
 The VMs are SIMULATED: there is no Windows, no Docker and no KVM behind them.`;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
process.stdout.on('error', () => stopping.abort()); // nobody reads on

const folder = await mkdtemp(join(tmpdir(), 'vapiorc-demo-'));
let server: ChildProcess | undefined;
try {
  takeLine(BANNER);
  const url = `http://127.0.0.1:${await freePort(PORT)}`;
  takeLine(`\nStarting the server at ${url} ...`);
  server = startServer(new URL(url).port);
  await isReady(server, url);
  await runClient(url);
  if (!process.argv.includes('--once')) {
    takeLine(invitation(url));
    await Promise.race([aborted(), once(server, 'exit')]);
    if (over(server)) throw new Error('the server ended by itself');
  }
} catch (err) {
  if (!stopping.signal.aborted) {
    takeLine(`\nThe demo failed: ${err instanceof Error ? err.message : String(err)}`);
    process.exitCode = 1;
  }
} finally {
  takeLine('\nStopping the server, and removing what it wrote.');
  if (server) await stop(server);
  await removeFolder();
}

function invitation(url: string): string {
  return `
Now it is yours: it goes on until Ctrl-C.

  GraphiQL, to write operations in      ${url}/graphql
  REST, with a page to try each route   ${url}/docs

  curl -X POST '${url}/api/vms/assign?assigned_to=me&vm_type=11'
  curl -N '${url}/api/vms/events?after=0'
  VAPIORC_URL=${url} npx tsx examples/ci-job.ts

The real thing, on Linux with Docker and KVM:  npm ci && npm start`;
}

/** Of the caller's settings of vapiorc none but the port counts here: nothing of theirs is touched. */
function startServer(port: string): ChildProcess {
  const foreign = /^(VAPIORC_|DATABASE_URL$|REDIS_URL$|DOCKER_HOST$)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  return spawn(process.execPath, [main], {
    env: {
      ...env,
      ...VM_PORTS,
      VAPIORC_PORT: port,
      VAPIORC_STORAGE_PATH: folder,
      VAPIORC_PROVISIONER: 'simulated',
      VAPIORC_SIMULATED_CREATE_MS: '200',
      VAPIORC_SIMULATED_BOOT_MS: '1000',
      VAPIORC_SIMULATED_INSTALL_MS: '4000',
      VAPIORC_LOG_LEVEL: 'error',
    },
    // A Ctrl-C at the terminal goes to all of its processes: the server is to be told once, by us.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function isReady(child: ChildProcess, url: string): Promise<void> {
  const limit = performance.now() + START_LIMIT_MS;
  for (;;) {
    stopping.signal.throwIfAborted();
    if (over(child)) throw new Error('the server could not start; what it said is above');
    if (performance.now() > limit) throw new Error(`the server was not ready within ${START_LIMIT_MS / 1000} s`);
    const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (health?.status === 200) return;
    await sleep(100);
  }
}

/** A program of its own, as callers are. */
async function runClient(url: string): Promise<void> {
  const client = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('client.ts', import.meta.url)), url],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const ended = once(client, 'exit');
  const end = () => client.kill();
  stopping.signal.addEventListener('abort', end, { once: true });
  const [code] = (await ended) as [number | null];
  stopping.signal.removeEventListener('abort', end);
  stopping.signal.throwIfAborted();
  if (code !== 0) throw new Error('a step of the client failed, see above');
}

async function stop(child: ChildProcess): Promise<void> {
  if (over(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(late);
}

/** Where root runs this, the database may lie elsewhere, with a link to it in the folder. It outlives a server that crashed. */
async function removeFolder(): Promise<void> {
  const database = await realpath(join(folder, 'postgres')).catch(() => folder);
  const text = await readFile(join(database, 'data/postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGQUIT'); // at once: nothing of it is kept
  for (let n = 0; pid > 0 && isAlive(pid) && n < 100; n++) await sleep(100);
  for (const path of [database, folder]) await rm(path, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function over(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function aborted(): Promise<void> {
  return new Promise((resolve) => {
    if (stopping.signal.aborted) resolve();
    else stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function freePort(wanted: number): Promise<number> {
  const probe = createServer().listen(wanted, '127.0.0.1');
  const found = await once(probe, 'listening').then(
    () => (probe.address() as { port: number }).port,
    () => undefined,
  );
  probe.close();
  const isForVms = found !== undefined && [200, 210].includes(Math.floor(found / 100));
  return found === undefined || isForVms ? freePort(0) : found;
}
