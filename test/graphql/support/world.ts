import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createAssignVm } from '../../../src/actions/assignVm.js';
import type { CommandDeps } from '../../../src/actions/deps.js';
import { type Db, openDatabase } from '../../../src/db/client.js';
import type { EventFilter } from '../../../src/db/events.js';
import { Reads } from '../../../src/db/reads.js';
import { createWrite, type Write } from '../../../src/db/write.js';
import type { Event } from '../../../src/domain/events.js';
import type { HealthReport } from '../../../src/domain/health.js';
import type { OemBundles } from '../../../src/domain/oemBundles.js';
import type { Screens } from '../../../src/domain/screen.js';
import type { Share } from '../../../src/domain/share.js';
import { openBus } from '../../../src/events/bus.js';
import { Feed } from '../../../src/events/feed.js';
import { createGraphql, type Graphql } from '../../../src/graphql/server.js';
import { createListener } from '../../../src/http/createListener.js';
import { originCheck } from '../../../src/http/hostCheck.js';
import { UnderWay } from '../../../src/http/underWay.js';
import { Slices } from '../../../src/primitives/slices.js';
import { hostPorts } from '../../../src/provisioner/hostPorts.js';
import { simulatedScreens } from '../../../src/provisioner/simulatedScreens.js';
import { createTestDatabase } from '../../support/database.js';
import { isoHostRefusal } from '../../support/isoHosts.js';

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
export interface World {
  /** http://127.0.0.1:<port>/graphql */
  url: string;
  /** The same, ws: */
  socketUrl: string;
  server: Server;
  graphql: Graphql;
  underWay: UnderWay;
  db: Db;
  write: Write;
  feed: CountingFeed;
  deps: CommandDeps;
  /** What was logged. */
  log: Record<string, unknown>[];
  /** Change these at any time. */
  settings: { admit: CommandDeps['admit']; health: () => Promise<HealthReport> };
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
  const write = createWrite(db, (seq) => bus.publish(seq));
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
  const deps: CommandDeps = {
    db,
    write,
    defaults: { hotSpares: 2, maxVms: 20, cpuCores: 2, ramMiB: 4096, diskGiB: 64 },
    allotment,
    oemBundles: files.oemBundles,
    isoHostRefusal,
    admit: (need) => settings.admit(need),
  };
  const underWay = new UnderWay();
  const graphql = createGraphql(
    {
      db,
      reads: new Reads(db, 20),
      deps,
      assignVm: createAssignVm({ write }),
      feed,
      slices,
      share: (vmId) => files.share?.(vmId),
      screens: files.screens ?? simulatedScreens(() => true),
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
      handle: (req, res) => graphql.handle(req, res),
      upgrade: (req, socket, head) => graphql.upgrade(req, socket, head),
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
    write,
    feed,
    deps,
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
