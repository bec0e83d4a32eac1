import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anyPort } from './anyPort.js';
import { until } from './until.js';

export interface Nginx {
  /** The server behind it, at a path of its own: http://127.0.0.1:<port>/vapiorc */
  below: string;
  stop(): Promise<void>;
}

/**
 * Debian's nginx with a bare `proxy_pass`, as people write it first.
 *
 * @throws Error  when it is not installed: a missing engine is a failure, not a skip.
 */
export async function startNginx(server: string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-nginx-'));
  const port = await anyPort();
  const conf = join(folder, 'nginx.conf');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  await writeFile(
    conf,
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events {}
http {
  access_log off; ${temp.join(' ')}
  server {
    listen 127.0.0.1:${port};
    location /vapiorc/ { proxy_pass ${server}/; }
  }
}
`,
  );
  const child = spawn('nginx', ['-c', conf, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit'); // rejects when there is no such program
  exited.catch(() => {});
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  await Promise.race([
    until('nginx answers', answers),
    exited.then(([code]) => Promise.reject(new Error(`nginx ended with ${code}`))),
  ]);
  return {
    below: `http://127.0.0.1:${port}/vapiorc`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
