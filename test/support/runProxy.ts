import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anyPort } from './anyPort.js';
import type { Certificate } from './certificate.js';
import { until } from './until.js';

export interface RunningProxy {
  port: number;
  /** The server behind it, at a path of its own: http://127.0.0.1:<port>/vapiorc, or https:// where it has a certificate. */
  below: string;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  certificate?: Certificate;
  /** After so long without a byte it takes a connection for dead. Its own default unless given. */
  idleSeconds?: number;
}

/**
 * Starts a proxy of Debian's with this configuration, and waits until it takes connections.
 *
 * @throws Error  when it is not installed: a missing engine is a failure, not a skip.
 */
export async function runProxy(
  program: string,
  { certificate }: ProxyOptions,
  conf: (port: number, folder: string) => string,
  args: (conf: string) => string[],
): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), `vapiorc-${program}-`));
  const port = await anyPort();
  const file = join(folder, `${program}.conf`);
  await writeFile(file, conf(port, folder));
  const child = spawn(program, args(file), { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit'); // rejects when there is no such program
  exited.catch(() => {});
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  await Promise.race([
    until(`${program} answers`, answers),
    exited.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}`))),
  ]);
  return {
    port,
    below: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}/vapiorc`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
