import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../support/until.js';
import { ROOT } from './build.js';
import { isFree } from './ports.js';

const BANNER_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 25_000;

export interface Server {
  /** http://127.0.0.1:<port> */
  url: string;
  pid: number;
  /** What it has printed for people so far, and what it has logged. */
  stdout: () => string;
  stderr: () => string;
  /** Waits until it says that it is listening; with what it said. */
  banner: () => Promise<string>;
  /** Waits for its own end; with the exit code, or the signal that ended it. */
  exited: () => Promise<number | string>;
  signal: (signal: NodeJS.Signals) => void;
  /** Stops it as a service manager does. Fails unless it ends well and leaves no listener and no Postgres. */
  stop: () => Promise<void>;
  /** As a crash would: nothing of it can say good-bye. Its Postgres lives on. */
  kill: () => Promise<void>;
}

/** Starts the built server as a user does, with exactly these settings. `as` is the command that runs it in other circumstances. */
export function launch({ env, port, as = [] }: { env: Record<string, string>; port: number; as?: string[] }): Server {
  const line = [...as, process.execPath, join(ROOT, 'dist/main.js')];
  const child: ChildProcess = spawn(line[0] as string, line.slice(1), {
    cwd: '/',
    env: { PATH: process.env.PATH, VAPIORC_LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  // Both streams are read to their end before that.
  const closed = once(child, 'close');
  closed.catch(() => {});
  const exited = async () => {
    const [code, signal] = (await closed) as [number | null, string | null];
    return code ?? signal ?? 'nothing';
  };
  const over = () => child.exitCode !== null || child.signalCode !== null;
  const words = () => `${said.stdout.slice(-1000)}\n${said.stderr.slice(-3000)}`;

  const server: Server = {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    async banner() {
      await until(
        'the server says that it is listening',
        async () => {
          if (over()) throw new Error(`the server ended (${await exited()}):\n${words()}`);
          return /is listening[\s\S]*\bguests\b.*\n/.test(said.stdout);
        },
        BANNER_LIMIT_MS,
      );
      return said.stdout;
    },
    exited,
    signal: (signal) => void child.kill(signal),
    async stop() {
      if (over()) throw new Error(`the server had ended before (${await exited()}):\n${words()}`);
      child.kill('SIGTERM');
      await until('the server ends', async () => over(), STOP_LIMIT_MS);
      const code = await exited();
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${words()}`);
      if (!(await isFree(port))) throw new Error(`something still listens on ${port}`);
      const left = env.VAPIORC_STORAGE_PATH ? await postgresOf(env.VAPIORC_STORAGE_PATH) : [];
      if (left.length > 0) throw new Error(`its Postgres still runs: ${left.join(' ')}`);
    },
    async kill() {
      child.kill('SIGKILL');
      await exited();
    },
  };
  return server;
}

/** Process ids of the embedded Postgres in this storage. */
export async function postgresOf(storage: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return command.split('\0').some((word) => word.includes(join(storage, 'postgres', 'data'))) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}
