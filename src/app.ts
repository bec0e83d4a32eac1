import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import type { Core } from './core.js';
import type { DatabasePlace } from './db/databaseHealth.js';
import { refuseUnfit } from './db/refuseUnfit.js';
import type { HealthReport } from './domain/health.js';
import { LIMITS } from './domain/limits.js';
import { isUpload, limitBodyTime } from './http/bodyTime.js';
import { createListener } from './http/createListener.js';
import { isHostAllowed } from './http/hostCheck.js';
import { closeServer, listen } from './http/listen.js';
import { type EdgeRefusal, refuseRequest, refuseUpgrade } from './http/refuse.js';
import type { Logger } from './log.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './postgres/embedded.js';
import { ensureDatabase, migrate, waitForDatabase } from './postgres/migrate.js';
import { type Closer, closeAll } from './primitives/closers.js';

const MIGRATIONS = fileURLToPath(new URL('../prisma/migrations', import.meta.url));
const DATABASE_WAIT_MS = 3_000;
const DATABASE_RETRY_MS = 2_000;
/** Requests that are under way at a stop get this long. */
const GRACE_MS = 3_000;

export interface App {
  /** Where the API answers, without a slash at its end. */
  url: string;
  /** Resolves once the database is there and everything works, with what was found. */
  ready: Promise<HealthReport>;
  stop(): Promise<void>;
}

/**
 * Starts the server. It listens at once; while a database of the user's own is away it says so to whoever asks and tries on.
 * `tell`: where people read what it waits for.
 * @throws Error  the address can't be had, or the embedded Postgres can't be started; the message says what to do.
 */
export async function start(config: Config, log: Logger, tell: (line: string) => void = () => {}): Promise<App> {
  const closers: Closer[] = [];
  const stopping = new AbortController();
  let core: Core | undefined;
  let waiting = 'starting';

  const whoIs = (address: string | undefined) => core?.whoIs(address) ?? 'unknown';
  const isGuest = (address: string) => whoIs(address) === 'guest';
  const admit = (req: IncomingMessage): Core | EdgeRefusal => {
    if (!isHostAllowed(req.headers.host, [config.publicHost, config.host])) {
      const message = `this server does not answer for the host ${JSON.stringify(req.headers.host ?? '')}`;
      const fix = 'Use an IP address, localhost, or the name in VAPIORC_PUBLIC_HOST.';
      return { status: 403, code: 'HOST_REFUSED', message, fix };
    }
    const unavailable = { status: 503, code: 'UNAVAILABLE', retryAfterSeconds: 5 } as const;
    if (core === undefined)
      return {
        ...unavailable,
        message: waiting,
        fix: 'Do what this says, if anything; the server tries on by itself.',
      };
    if (whoIs(req.socket.remoteAddress) === 'unknown') {
      const message = 'the network of the VMs is not known yet, nor whether you are a guest';
      const fix = 'Try again in a few seconds, or call from this machine by localhost; see the server log.';
      return { ...unavailable, message, fix };
    }
    return core;
  };
  const handle = (req: IncomingMessage, res: ServerResponse) => {
    const from = whoIs(req.socket.remoteAddress);
    if (!isUpload(req, from)) limitBodyTime(req, LIMITS.bodySeconds.value * 1000);
    const admitted = admit(req);
    if ('status' in admitted) refuseRequest(req, res, admitted);
    else admitted.handle(req, res);
  };
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    const admitted = admit(req);
    if ('status' in admitted) refuseUpgrade(req, socket, admitted);
    else admitted.upgrade(req, socket, head);
  };
  // Node's limit on the time of a whole request would end every upload that takes longer than that.
  const server = createListener(
    {
      headersTimeout: LIMITS.headSeconds.value * 1000,
      connectionsCheckingInterval: 1_000,
      requestTimeout: 0,
      maxHeaderSize: 16_384,
    },
    {
      handle,
      upgrade,
      asksForBody: (req) => isUpload(req, whoIs(req.socket.remoteAddress)),
      connections: {
        perAddress: (address) => (isGuest(address) ? LIMITS.connectionsPerGuest : LIMITS.connectionsPerAddress).value,
        total: LIMITS.connections.value,
        isTold: (address) => !isGuest(address),
      },
    },
  );
  const port = await listen(server, config.host, config.port);
  closers.push({ name: 'http', close: () => closeServer(server, GRACE_MS) });

  const bringUp = async (): Promise<HealthReport> => {
    // Loading most of the code takes as long as starting Postgres: side by side.
    const code = import('./core.js');
    code.catch(() => {}); // awaited below
    const database: DatabasePlace =
      config.databaseUrl === undefined
        ? await embedded(config, log, closers)
        : { url: config.databaseUrl, elsewhere: undefined };
    const { url, reserve } = database;
    const { startCore } = await code;
    for (;;) {
      const opened: Closer[] = [];
      const since = performance.now();
      try {
        await waitForDatabase(url, DATABASE_WAIT_MS);
        await ensureDatabase(url, log);
        const problems = await refuseUnfit(url, config.databaseConnections);
        await migrate(url, MIGRATIONS, log);
        core = await startCore(config, { ...database, problems }, log, opened);
        closers.push(...opened);
        return await core.health();
      } catch (err) {
        await closeAll(opened, log).catch(() => {}); // each failure is in the log
        if (await reserve?.relieve(err, since)) continue;
        if (config.databaseUrl === undefined || stopping.signal.aborted) throw err;
        const message = (err as Error).message;
        if (message !== waiting) {
          log.error({ err }, 'the database cannot be used; trying on');
          tell(`the database cannot be used; trying on. ${message}`);
        }
        waiting = message;
        await sleep(DATABASE_RETRY_MS, undefined, { signal: stopping.signal });
      }
    }
  };
  const ready = bringUp();
  const stop = async () => {
    stopping.abort();
    await ready.catch(() => {});
    // New requests are refused before what they need is closed.
    core = undefined;
    waiting = 'stopping';
    await closeAll(closers, log);
  };
  return { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`, ready, stop };
}

async function embedded(config: Config, log: Logger, closers: Closer[]): Promise<EmbeddedPostgres> {
  const dir = join(config.storagePath, 'postgres');
  const postgres = await startEmbeddedPostgres({ dir, log }).catch((err: NodeJS.ErrnoException) => {
    if (err.syscall === undefined) throw err;
    throw new Error(
      `VAPIORC_STORAGE_PATH (${config.storagePath}) can not be used: ${err.message}; give a folder that this user may write to`,
      { cause: err },
    );
  });
  closers.push({ name: 'embedded postgres', close: () => postgres.stop() });
  return postgres;
}
