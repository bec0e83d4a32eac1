import { once } from 'node:events';
import type { Server } from 'node:http';
import PQueue from 'p-queue';
import pg from 'pg';
import { vi } from 'vitest';
import type { ActionContext, ActionDeps } from '../../src/actions/context.js';
import { loadConfig } from '../../src/config.js';
import { startCore } from '../../src/core.js';
import { type Db, openDatabase } from '../../src/db/client.js';
import { type Deployment, getDeployment } from '../../src/db/deployment.js';
import { LOCKS } from '../../src/db/locks.js';
import { createWrite, type WriteAs } from '../../src/db/write.js';
import { Feed } from '../../src/events/feed.js';
import { createListener } from '../../src/http/createListener.js';
import { listen } from '../../src/http/listen.js';
import type { Logger } from '../../src/log.js';
import { openProvisioner } from '../../src/openProvisioner.js';
import { type Closer, closeAll } from '../../src/primitives/closers.js';
import type { Provisioner } from '../../src/provisioner/provisioner.js';
import { calling, createActions } from './actions.js';
import { collectLog } from './collectLog.js';
import { createTestDatabase } from './database.js';
import { type WatchedFeed, watchFeed } from './watchFeed.js';

/** What a test says of the engine, which is not ours; in all else it is the simulator. */
export type Engine = Partial<Provisioner>;

/**
 * The server's core, both APIs and the guests' protocol, as it is but for the engine, on a database and a port of its own. Another server
 * leads, which does nothing: rows stay as they are written. A test that calls an action itself has a call of anybody's (`ActionContext`).
 */
export interface World extends ActionContext {
  db: Db;
  /** http://127.0.0.1:<port> */
  url: string;
  graphqlUrl: string;
  socketUrl: string;
  databaseUrl: string;
  server: Server;
  feed: WatchedFeed;
  writeAs: WriteAs;
  actions: ActionDeps;
  deployment: Deployment;
  /** What was logged. */
  log: Record<string, unknown>[];
  logger: Logger;
  /** Change it at any time. What the core asks for once, at its start, is to be given then. */
  engine: Engine;
  /** Ends this part of the core, as a stop of the server does. */
  end(part: 'graphql' | 'guest calls' | 'heartbeats'): Promise<void>;
  /** Removes every row but the deployment's, and what was logged. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  engine?: Engine;
  /** Another server of the same database. */
  on?: World;
  /** A free one unless given. */
  port?: number;
}

/** One after the other: the feed of each is found by who starts one meanwhile. */
const starts = new PQueue({ concurrency: 1 });

/** Starts it, with these settings as a user has them. */
export async function startWorld(
  settings: Record<string, string> = {},
  { engine = {}, on, port = 0 }: WorldOptions = {},
): Promise<World> {
  const database = on ? { url: on.databaseUrl, drop: async () => {} } : await createTestDatabase();
  const config = loadConfig({ DATABASE_URL: database.url, VAPIORC_PROVISIONER: 'simulated', ...settings });
  const { log, logger } = collectLog(config.logLevel);
  const leader = on ? undefined : await holdLead(database.url);
  const closers: Closer[] = [];
  const { core, feed } = await starts.add(async () => {
    const feeds = vi.spyOn(Feed.prototype, 'start');
    try {
      const core = await startCore(config, { url: database.url, elsewhere: undefined }, logger, closers, (...given) => {
        const { provisioner, simulated } = openProvisioner(...given);
        const altered = new Proxy(provisioner, {
          get: (simulator, key) => Reflect.get(key in engine ? engine : simulator, key),
        });
        return { provisioner: altered, ...(simulated && !engine.share && { simulated }) };
      });
      return { core, feed: watchFeed(feeds.mock.contexts[0] as Feed) };
    } finally {
      feeds.mockRestore();
    }
  });
  const server = createListener({}, core);
  const address = `127.0.0.1:${await listen(server, '127.0.0.1', port)}`;

  const db = openDatabase(database.url);
  const writeAs = createWrite(db, () => feed.poke());
  const actions = createActions({ db, writeAs, feed });
  return {
    url: `http://${address}`,
    graphqlUrl: `http://${address}/graphql`,
    socketUrl: `ws://${address}/graphql`,
    databaseUrl: database.url,
    server,
    ...calling(actions),
    db,
    feed,
    writeAs,
    actions,
    deployment: await getDeployment(db, 'simulated'),
    log,
    logger,
    engine,
    end: async (part) => closers.find(({ name }) => name === part)?.close(),
    async empty() {
      await db.$executeRawUnsafe(EMPTY);
      log.length = 0;
    },
    async close() {
      await closeAll(closers, logger);
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await db.$disconnect();
      await leader?.end();
      await database.drop();
    },
  };
}

/** In an order that what refers goes before what it refers to. A TRUNCATE makes the files of each table and index anew. */
const EMPTY = `DO $$ BEGIN ${[
  'Event',
  'CommandOutput',
  'Command',
  'Assignment',
  'Sighting',
  'Guest',
  'Vm',
  'InstallScreenshot',
  'GoldenImage',
  'Pool',
  'ImageLine',
]
  .map((table) => `DELETE FROM "${table}";`)
  .join(' ')} END $$`;

/** The lead, as a server holds it. */
async function holdLead(url: string): Promise<pg.Client> {
  const session = new pg.Client({ connectionString: url });
  session.on('error', () => {}); // the database is taken away
  await session.connect();
  await session.query('SELECT pg_advisory_lock($1::bigint)', [String(LOCKS.leader)]);
  return session;
}
