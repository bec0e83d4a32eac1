import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endSession } from '../db/connection.js';
import type { Logger } from '../log.js';
import { openFile } from './fileLock.js';
import { exists, readText } from './files.js';
import { OWN } from './postgresBinaries.js';
import { type Account, environment, run } from './runCommand.js';

const STOP_LIMIT_SECONDS = 60;
export const ROLE = 'vapiorc';

export type Cluster = {
  home: string;
  data: string;
  bin: string;
  account: Account;
  settings: Record<string, string>;
  limitMs: number;
  log: Logger;
};
export type Running = { pid: number; port: number };

/** The postmaster of this data folder, if it answers to our password. */
export async function findRunning({ home, data }: Cluster): Promise<Running | undefined> {
  const [pid, , , port] = (await readText(join(data, 'postmaster.pid'))).split('\n').map(Number);
  if (!pid || !port) return undefined;
  const password = await readText(join(home, 'password'));
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: ROLE,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 2000,
    query_timeout: 2000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    // A copied folder brings the pid file and the password of the original along, but not its place.
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory === data ? { pid, port } : undefined;
  } catch {
    return undefined;
  } finally {
    await endSession(client);
  }
}

/** Only with the lock held, which the new postmaster inherits. */
export async function launch(cluster: Cluster, lock: number): Promise<Running> {
  const { home, data, bin, account, settings, limitMs } = cluster;
  if (!(await exists(data))) await initialise(cluster, lock);

  // Postgres trusts a process id, which after a restart of a container, or for a zombie, says nothing.
  const stale = Number((await readText(join(data, 'postmaster.pid'))).split('\n')[0]);
  if (!(await isPostmaster(stale, data))) await fs.rm(join(data, 'postmaster.pid'), { force: true });

  const logFile = join(home, 'postgres.log');
  const deadline = Date.now() + limitMs;
  for (let attempt = 1; ; attempt++) {
    const port = (attempt === 1 && (await lastPort(data))) || (await freePort());
    const given = {
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '', // their paths must be short, and ours is the user's choice
      log_checkpoints: 'off',
      ...settings,
    };
    const args = ['-D', data, ...Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`])];

    await fs.rename(logFile, `${logFile}.old`).catch(() => undefined);
    const output = openFile(logFile, account);
    const child = spawn(join(bin, 'postgres'), args, {
      ...account,
      cwd: '/',
      env: environment,
      detached: true, // Ctrl-C in our terminal is not for it
      stdio: ['ignore', output, output, lock],
    });
    closeSync(output);
    let ended: string | undefined;
    child.once('error', (err) => {
      ended = err.message;
    });
    child.once('exit', (code, signal) => {
      ended = `exit ${code ?? signal}`;
    });
    child.unref();

    while (ended === undefined && Date.now() < deadline) {
      const running = await findRunning(cluster);
      if (running) return running;
      await sleep(20);
    }
    const said = (await readText(logFile)).trim().split('\n').slice(-8).join('\n');
    if (ended !== undefined && attempt < 4 && said.includes('Address already in use')) continue;
    const what =
      ended === undefined
        ? `is not ready after ${limitMs / 1000} s; it may still be recovering, try again later`
        : `did not start (${ended})`;
    throw new Error(`the embedded Postgres ${what}. The end of ${logFile}:\n${said}`);
  }
}

/** Makes an empty cluster. It gets its name only when complete: initdb cut short leaves nothing that looks like data. */
async function initialise({ home, data, bin, account, limitMs }: Cluster, lock: number): Promise<void> {
  if (!('uid' in account)) {
    try {
      userInfo();
    } catch (cause) {
      throw new Error(
        `user id ${process.getuid?.()} has no entry in /etc/passwd, which Postgres needs: add one, or ${OWN}`,
        { cause },
      );
    }
  }
  for (const name of await fs.readdir(home)) {
    if (/^(data|password)\.new/.test(name)) await fs.rm(join(home, name), { recursive: true });
  }
  const fresh = join(home, 'data.new');
  const secret = join(home, 'password.new');
  await fs.mkdir(fresh, { mode: 0o700 });
  await fs.writeFile(secret, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx', flush: true });
  if ('uid' in account) await Promise.all([fresh, secret].map((path) => fs.chown(path, account.uid, account.gid)));

  const args = [
    `--pgdata=${fresh}`,
    `--username=${ROLE}`,
    '--auth=scram-sha-256',
    `--pwfile=${secret}`,
    '--encoding=UTF8',
  ];
  const collation = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']; // the same on every system
  const { code, output } = await run(join(bin, 'initdb'), [...args, ...collation, '--no-instructions'], {
    account,
    limitMs,
    fd: lock,
  });
  if (code !== 0) throw new Error(`initdb could not make a database in ${home}: ${output}`);
  await fs.rename(secret, join(home, 'password'));
  await fs.rename(fresh, data);
}

export async function shutDown({ data, bin, account, log }: Cluster): Promise<void> {
  const pgCtl = (mode: string) => {
    const args = ['stop', '-D', data, '-m', mode, '-w', '-t', String(STOP_LIMIT_SECONDS)];
    return run(join(bin, 'pg_ctl'), args, { account, limitMs: (STOP_LIMIT_SECONDS + 5) * 1000 });
  };
  const fast = await pgCtl('fast');
  if (fast.code === 0 || !(await exists(join(data, 'postmaster.pid')))) return;
  log.warn({ output: fast.output }, 'embedded postgres did not stop in time; ending it, the next start recovers');
  const immediate = await pgCtl('immediate');
  if (immediate.code !== 0) throw new Error(`the embedded Postgres in ${data} does not stop: ${immediate.output}`);
}

/** Whether `pid` is a living postmaster (a zombie is not) that was started on `data`. */
export async function isPostmaster(pid: number, data: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (process.platform !== 'linux') {
    const { output } = await run('ps', ['-ww', '-o', 'stat=,command=', '-p', String(pid)]);
    return !output.trim().startsWith('Z') && output.includes(data);
  }
  // Readable to all, unlike /proc/<pid>/exe, which root in a container may not follow.
  const [state, command] = await Promise.all(['stat', 'cmdline'].map((name) => readText(`/proc/${pid}/${name}`)));
  return !/\) [ZX] /.test(state ?? '') && (command ?? '').split('\0').includes(data);
}

/** The port of the last run, so that a bookmark of psql keeps working; Postgres keeps its last command line. */
async function lastPort(data: string): Promise<number | undefined> {
  const port = /"port=(\d+)"/.exec(await readText(join(data, 'postmaster.opts')))?.[1];
  return port === undefined ? undefined : Number(port);
}

/** Free at this moment: somebody may take it before Postgres does. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
