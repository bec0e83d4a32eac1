import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLog, type Logger } from '../src/log.js';
import { startEmbeddedPostgres } from '../src/postgres/embedded.js';
import { migrate } from '../src/postgres/migrate.js';
import { type Closer, closeAll } from '../src/primitives/closers.js';
import { buildProgram } from './program.js';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What benchmarks work with. All that it gives is made on demand and removed at the end of the run. */
export interface Kit {
  log: Logger;
  /** Where this run may write; removed at its end. */
  folder: string;
  /** Says what is going on, for whoever watches. */
  say(text: string): void;
  /** URL of a new, migrated database of that name, on a Postgres of this run with its normal durability. */
  database(name: string): Promise<string>;
  /** That Postgres, where one was needed. */
  postgresUrl(): string | undefined;
  /** Path of the compiled `main.js` of these sources. */
  program(): Promise<string>;
  /** Has something closed at the end of the run, however it ends. Answers how to close it now. */
  opened(name: string, close: () => Promise<void>): () => Promise<void>;
  close(): Promise<void>;
}

export async function createKit(): Promise<Kit> {
  const log = createLog('warn');
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-bench-'));
  // Postgres never runs as root; where we do, its user must be able to come in, or its data would lie elsewhere.
  await chmod(folder, 0o755);
  const closers: Closer[] = [{ name: 'folder', close: () => rm(folder, { recursive: true, force: true }) }];
  let postgres: Promise<string> | undefined;
  let serverUrl: string | undefined;
  let program: Promise<string> | undefined;
  let closed: Promise<void> | undefined;

  const opened: Kit['opened'] = (name, close) => {
    let closing: Promise<void> | undefined;
    const once = () => {
      closing ??= close();
      return closing;
    };
    closers.push({ name, close: once });
    return once;
  };
  const startPostgres = async () => {
    const cluster = await startEmbeddedPostgres({ dir: join(folder, 'postgres'), log });
    opened('postgres', () => cluster.stop());
    serverUrl = cluster.url;
    return cluster.url;
  };

  return {
    log,
    folder,
    say: (text) => void process.stderr.write(`  ${text}\n`),
    async database(name) {
      postgres ??= startPostgres();
      const url = new URL(await postgres);
      url.pathname = `/bench_${name}`;
      await migrate(url.href, join(ROOT, 'prisma/migrations'), log);
      return url.href;
    },
    postgresUrl: () => serverUrl,
    program() {
      program ??= buildProgram(ROOT, folder);
      return program;
    },
    opened,
    close() {
      closed ??= closeAll(closers, log);
      return closed;
    },
  };
}
