import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyPort } from './anyPort.js';

const START_LIMIT_MS = 10_000;

export interface TestRedis {
  url: string;
  /** Kills it, as a crash would. */
  stop(): Promise<void>;
  /** Starts it again on the same port, after stopping it where it still runs. */
  restart(): Promise<void>;
  /** For signals. Undefined while it is stopped. */
  pid(): number | undefined;
}

/**
 * Debian's redis-server on a free port, which keeps nothing.
 *
 * @throws Error  when it is not installed: a missing engine is a failure, not a skip.
 */
export async function startRedis(...args: string[]): Promise<TestRedis> {
  const port = await anyPort();
  let running: ChildProcess | undefined;

  const stop = async () => {
    const child = running;
    running = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const restart = async () => {
    await stop();
    const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    let failure: Error | undefined;
    child.once('error', (err: NodeJS.ErrnoException) => {
      const missing = err.code === 'ENOENT';
      failure = missing
        ? new Error('redis-server is not installed: apt-get install redis-server', { cause: err })
        : err;
    });
    child.once('exit', (code) => {
      failure ??= new Error(`redis-server ended with code ${code}: ${said}`);
    });
    running = child;
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await accepts(port))) {
      if (failure) throw failure;
      if (Date.now() > deadline)
        throw new Error(`redis-server did not listen within ${START_LIMIT_MS / 1000} s: ${said}`);
      await sleep(10);
    }
  };

  await restart();
  return { url: `redis://127.0.0.1:${port}`, stop, restart, pid: () => running?.pid };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
