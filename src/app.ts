import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Closer, closeAll } from './closers.js';
import type { Config } from './config.js';
import { type Core, startCore } from './core.js';
import { startEmbeddedPostgres } from './db/embedded.js';
import { migrate, waitForDatabase } from './db/migrate.js';
import type { HealthReport } from './domain/health.js';
import { isUpload, limitBodyTime } from './http/bodyTime.js';
import { isHostAllowed } from './http/hostCheck.js';
import { limitPerAddress } from './http/limitPerAddress.js';
import { closeServer, listen } from './http/listen.js';
import type { Logger } from './log.js';

const MIGRATIONS = fileURLToPath(new URL('../prisma/migrations', import.meta.url));
const DATABASE_WAIT_MS = 3_000;
const DATABASE_RETRY_MS = 2_000;
/** A request's body must have come within this time, unless it is a file. */
const BODY_LIMIT_MS = 300_000;
/** A guest's, as at its own door. */
const GUEST_BODY_LIMIT_MS = 30_000;
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
 * @throws Error  the address can't be had, or the embedded Postgres can't be started; the message says what to do.
 */
export async function start(config: Config, log: Logger): Promise<App> {
  const closers: Closer[] = [];
  const stopping = new AbortController();
  let core: Core | undefined;
  let waiting = 'starting';

  const whoIs = (address: string | undefined) => core?.whoIs(address) ?? 'unknown';
  const handle = (req: IncomingMessage, res: ServerResponse) => {
    const from = whoIs(req.socket.remoteAddress);
    if (!isUpload(req, from)) limitBodyTime(req, from === 'caller' ? BODY_LIMIT_MS : GUEST_BODY_LIMIT_MS);
    if (!isHostAllowed(req.headers.host, [config.publicHost, config.host])) {
      return answer(
        res,
        403,
        'HOST_REFUSED',
        `this server does not answer for the host ${JSON.stringify(req.headers.host ?? '')}`,
        'Use an IP address, localhost, or the name in VAPIORC_PUBLIC_HOST.',
      );
    }
    if (core === undefined)
      return answer(res, 503, 'UNAVAILABLE', waiting, 'Try again in a few seconds; see the server log.');
    if (from === 'unknown') {
      return answer(
        res,
        503,
        'UNAVAILABLE',
        'the network of the VMs is not known yet, nor whether you are a guest',
        'Try again in a few seconds, or call from this machine by localhost; see the server log.',
      );
    }
    return core.handle(req, res);
  };
  // Node's limit on the time of a whole request would end every upload that takes longer than that.
  const server = createServer({ headersTimeout: 20_000, requestTimeout: 0, maxHeaderSize: 16_384 }, handle);
  limitPerAddress(server, (address) => whoIs(address) === 'guest');
  // Whoever asks before sending a body is told to go on when somebody is about to read it.
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    if (!isUpload(req, whoIs(req.socket.remoteAddress))) res.writeContinue();
    handle(req, res);
  });
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    const mayCome = whoIs(req.socket.remoteAddress) !== 'unknown';
    if (core && mayCome && isHostAllowed(req.headers.host, [config.publicHost, config.host]))
      return core.upgrade(req, socket, head);
    const status = core && mayCome ? '403 Forbidden' : '503 Service Unavailable\r\nRetry-After: 5';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
  });
  const port = await listen(server, config.host, config.port);
  closers.push({ name: 'http', close: () => closeServer(server, GRACE_MS) });

  const bringUp = async (): Promise<HealthReport> => {
    const url = config.databaseUrl ?? (await embedded(config, log, closers));
    for (;;) {
      const opened: Closer[] = [];
      try {
        await waitForDatabase(url, DATABASE_WAIT_MS);
        await migrate(url, MIGRATIONS, log);
        core = await startCore(config, url, log, opened);
        closers.push(...opened);
        return await core.health();
      } catch (err) {
        await closeAll(opened, log).catch(() => {}); // each failure is in the log
        if (config.databaseUrl === undefined || stopping.signal.aborted) throw err;
        const message = (err as Error).message;
        if (message !== waiting) log.error({ err }, 'the database cannot be used; trying on');
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

async function embedded(config: Config, log: Logger, closers: Closer[]): Promise<string> {
  const dir = join(config.storagePath, 'postgres');
  const postgres = await startEmbeddedPostgres({ dir, log }).catch((err: NodeJS.ErrnoException) => {
    if (err.syscall === undefined) throw err;
    throw new Error(
      `VAPIORC_STORAGE_PATH (${config.storagePath}) can not be used: ${err.message}; give a folder that this user may write to`,
      { cause: err },
    );
  });
  closers.push({ name: 'embedded postgres', close: () => postgres.stop() });
  return postgres.url;
}

function answer(res: ServerResponse, status: number, code: string, message: string, fix: string): void {
  res.writeHead(status, { 'content-type': 'application/json', ...(status === 503 && { 'retry-after': '5' }) });
  res.end(JSON.stringify({ detail: message, code, message, fix }));
}
