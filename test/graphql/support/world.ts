import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { ActionContext, ActionDeps } from '../../../src/actions/context.js';
import { type Db, openDatabase } from '../../../src/db/client.js';
import type { EventFilter } from '../../../src/db/events.js';
import { createWrite } from '../../../src/db/write.js';
import type { Event } from '../../../src/domain/events.js';
import type { HealthReport } from '../../../src/domain/health.js';
import type { OemBundles } from '../../../src/domain/oemBundles.js';
import type { Screens } from '../../../src/domain/screen.js';
import type { Share } from '../../../src/domain/share.js';
import { openBus } from '../../../src/events/bus.js';
import { Feed } from '../../../src/events/feed.js';
import { createGraphql, type Graphql } from '../../../src/graphql/transport/server.js';
import { Callers } from '../../../src/http/callers.js';
import { createListener } from '../../../src/http/createListener.js';
import { originCheck } from '../../../src/http/hostCheck.js';
import { UnderWay } from '../../../src/http/underWay.js';
import { Slices } from '../../../src/primitives/slices.js';
import { hostPorts } from '../../../src/provisioner/hostPorts.js';
import { calling, createActions } from '../../support/actions.js';
import { createTestDatabase } from '../../support/database.js';

const OK = { status: 'OK', message: 'fine' } as const;

/** Knows how many subscribe now, and can be made to fail as a database that goes away does. */
class CountingFeed extends Feed {
  subscribers = 0;
  failure: Error | undefined;

  override async *subscribe(
    cursor: bigint,
    filter: EventFilter,
    signal: AbortSignal,
    caller?: string,
  ): AsyncGenerator<Event, void, undefined> {
    this.subscribers++;
    try {
      if (this.failure) throw this.failure;
      yield* super.subscribe(cursor, filter, signal, caller);
    } finally {
      this.subscribers--;
    }
  }
}

/** The GraphQL API as it is wired in the server, on a database of its own and a port of its own. */
export interface World extends ActionContext {
  db: Db;
  /** http://127.0.0.1:<port>/graphql */
  url: string;
  /** The same, ws: */
  socketUrl: string;
  server: Server;
  graphql: Graphql;
  underWay: UnderWay;
  feed: CountingFeed;
  /** What was logged. */
  log: Record<string, unknown>[];
  /** Change these at any time. */
  settings: { admit: ActionDeps['admit']; health: () => Promise<HealthReport> };
  close(): Promise<void>;
}

/** Files are as of simulated machines, none, unless given. */
export async function createWorld(
  files: { share?: (vmId: string) => Share | undefined; oemBundles?: OemBundles; screens?: Screens } = {},
): Promise<World> {
  const database = await createTestDatabase();
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug', base: null },
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)) as Record<string, unknown>);
        done();
      },
    }),
  );
  const db = openDatabase(database.url);
  const bus = openBus({ databaseUrl: database.url, log });
  const writeAs = createWrite(db, (seq) => bus.publish(seq));
  const slices = new Slices();
  const feed = new CountingFeed({ db, bus, log, slices });
  await feed.start();
  const settings: World['settings'] = {
    admit: async () => undefined,
    health: async () => ({
      status: 'DEGRADED',
      version: '1.2.3',
      database: OK,
      bus: { status: 'DOWN', message: 'no connection' },
      provisioner: OK,
      storage: OK,
      guests: OK,
    }),
  };
  const { allotment, endpoints } = hostPorts({ ports: { start: 8001, end: 8100 }, publicHost: 'vm.example' });
  const actions = createActions(
    { db, writeAs, feed },
    {
      allotment,
      oemBundles: files.oemBundles,
      admit: (need) => settings.admit(need),
      share: (vmId) => files.share?.(vmId),
      ...(files.screens && { screens: files.screens }),
    },
  );
  const callers = new Callers();
  const underWay = new UnderWay();
  const graphql = createGraphql(
    {
      actions,
      callers,
      slices,
      health: () => settings.health(),
      endpointsOf: endpoints,
      isForeign: originCheck({ publicName: 'vm.example', consolePorts: { start: 8001, end: 8100 } }),
      log,
    },
    underWay,
  );
  const server = createListener(
    {},
    {
      handle: (req, res) => {
        callers.enter(req);
        graphql.handle(req, res);
      },
      upgrade: (req, socket, head) => {
        callers.enter(req);
        graphql.upgrade(req, socket, head);
      },
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/graphql`,
    socketUrl: `ws://127.0.0.1:${port}/graphql`,
    server,
    graphql,
    underWay,
    db,
    ...calling(actions),
    feed,
    log: lines,
    settings,
    async close() {
      await graphql.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await feed.stop();
      await bus.close();
      await db.$disconnect();
      await database.drop();
    },
  };
}
