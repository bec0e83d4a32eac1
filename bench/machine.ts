import { execFile } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import pg from 'pg';
import { ROOT } from './kit.js';

/** What a figure depends on and a reader elsewhere can't know. */
export interface MachineFacts {
  date: string;
  cores: number;
  processor: string;
  memoryGiB: number;
  system: string;
  node: string;
  postgres: string | null;
  docker: string | null;
  commit: string | null;
}

export async function machineFacts(postgresUrl: string | undefined): Promise<MachineFacts> {
  return {
    date: new Date().toISOString(),
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres: postgresUrl === undefined ? null : await postgresVersion(postgresUrl),
    docker: await firstLine('docker', ['version', '--format', '{{.Server.Version}}']),
    commit: await firstLine('git', ['-C', ROOT, 'describe', '--always', '--dirty']),
  };
}

async function postgresVersion(url: string): Promise<string> {
  const postgres = new URL(url);
  postgres.pathname = '/postgres';
  const client = new pg.Client({ connectionString: postgres.href });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}

async function firstLine(command: string, args: string[]): Promise<string | null> {
  const done = await promisify(execFile)(command, args).catch(() => undefined);
  return done?.stdout.split('\n')[0]?.trim() || null;
}
