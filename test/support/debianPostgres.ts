import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { anyPort } from './anyPort.js';
import { until } from './until.js';

const BIN = '/usr/lib/postgresql/15/bin';
export const PASSWORD = 'p@ss #1/2';

export interface DebianPostgres {
  /** Where its certificate is, which it signed itself. */
  certificate: string;
  port: number;
  /** A URL for this user, `postgres` unless told otherwise, with the password encoded. */
  url(database: string, rest?: { user?: string; query?: string; port?: number }): string;
  sql(text: string, database?: string): Promise<void>;
  /** In front of it: Debian's pgbouncer in this mode. Answers its port. */
  pooler(mode: 'session' | 'transaction'): Promise<number>;
  /** All its processes stand still; connections stay. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Debian's Postgres 15, as a user has one: encoding LATIN1, TLS with a certificate of its own, passwords asked for. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'vapiorc-debian-postgres-'));
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'])));
  const as = { uid: uid as number, gid: gid as number };
  chownSync(folder, as.uid, as.gid);
  const data = join(folder, 'data');
  const own = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    chownSync(join(folder, name), as.uid, as.gid);
    return join(folder, name);
  };
  const passwordFile = own('password', PASSWORD);
  const options = ['--encoding=LATIN1', '--locale=C', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  execFileSync(`${BIN}/initdb`, ['-D', data, '-U', 'postgres', ...options], { ...as, cwd: '/', stdio: 'ignore' });
  const [certificate, key] = [own('server.crt', ''), own('server.key', '')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', certificate],
    { stdio: 'ignore' },
  );
  const port = await anyPort();
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'fsync=off',
    'ssl=on',
    `ssl_cert_file=${certificate}`,
    `ssl_key_file=${key}`,
  ];
  const children: ChildProcess[] = [];
  const start = (program: string, args: string[]) => {
    const child = spawn(program, args, { ...as, cwd: '/', stdio: 'ignore' });
    children.push(child);
    return child;
  };
  start(`${BIN}/postgres`, ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]);
  const signalAll = (signal: 'SIGSTOP' | 'SIGCONT') => {
    const postmaster = children[0]?.pid ?? 0;
    const backends = execFileSync('ps', ['-o', 'pid=', '--ppid', `${postmaster}`], { encoding: 'utf8' });
    for (const pid of [postmaster, ...backends.trim().split(/\s+/).map(Number)]) process.kill(pid, signal);
  };
  const url: DebianPostgres['url'] = (database, { user = 'postgres', query = '', port: at = port } = {}) =>
    `postgresql://${user}:${encodeURIComponent(PASSWORD)}@localhost:${at}/${database}${query}`;
  const sql = async (text: string, database = 'postgres') => {
    const client = new pg.Client({ connectionString: url(database), connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  await until('Postgres answers', () =>
    sql('SELECT 1').then(
      () => true,
      () => false,
    ),
  );

  return {
    certificate,
    port,
    url,
    sql,
    async pooler(mode) {
      const at = await anyPort();
      const users = own(`users-${mode}`, `"postgres" "${PASSWORD}"\n`);
      const lines = [
        '[databases]',
        `* = host=127.0.0.1 port=${port}`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${at}`,
        'unix_socket_dir =',
        'auth_type = plain',
        `auth_file = ${users}`,
        `pool_mode = ${mode}`,
        'default_pool_size = 40',
      ];
      start('/usr/sbin/pgbouncer', [own(`pgbouncer-${mode}.ini`, `${lines.join('\n')}\n`)]);
      const asked = () => {
        const client = new pg.Client({
          connectionString: url('postgres', { port: at }),
          connectionTimeoutMillis: 1_000,
        });
        client.on('error', () => undefined);
        return client.connect().then(
          () => client.end().then(() => true),
          () => false,
        );
      };
      await until('pgbouncer answers', asked);
      return at;
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    async stop() {
      for (const child of children.toReversed()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGINT');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
