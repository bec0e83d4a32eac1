import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { pino } from 'pino';
import type { ActionContext, ActionDeps } from '../../../src/actions/context.js';
import { type Db, openDatabase } from '../../../src/db/client.js';
import { type Deployment, getDeployment } from '../../../src/db/deployment.js';
import { createWrite, type WriteAs } from '../../../src/db/write.js';
import type { HealthReport } from '../../../src/domain/health.js';
import type { OemBundles } from '../../../src/domain/oemBundles.js';
import type { Screens } from '../../../src/domain/screen.js';
import type { Share } from '../../../src/domain/share.js';
import { openBus } from '../../../src/events/bus.js';
import { Feed } from '../../../src/events/feed.js';
import { createGuestRoutes, type GuestRoutes } from '../../../src/guest/guest.js';
import { Heartbeats } from '../../../src/guest/heartbeats.js';
import { Callers } from '../../../src/http/callers.js';
import { createListener } from '../../../src/http/createListener.js';
import { originCheck } from '../../../src/http/hostCheck.js';
import type { Logger } from '../../../src/log.js';
import { Slices } from '../../../src/primitives/slices.js';
import { hostPorts } from '../../../src/provisioner/hostPorts.js';
import { createRest } from '../../../src/rest/rest.js';
import { calling, createActions } from '../../support/actions.js';
import { createTestDatabase } from '../../support/database.js';

/** The REST API as it is wired in the server, on a database of its own and a port of its own. */
export interface World extends ActionContext {
  db: Db;
  url: string;
  databaseUrl: string;
  logger: Logger;
  guestRoutes: GuestRoutes;
  heartbeats: Heartbeats;
  server: Server;
  writeAs: WriteAs;
  actions: ActionDeps;
  deployment: Deployment;
  /** What was logged. */
  log: Record<string, unknown>[];
  /** Change these at any time. */
  settings: {
    admit: ActionDeps['admit'];
    health: () => Promise<HealthReport>;
    /** The clock of the guests' rate limits: it stands still until it is moved. */
    rateClockMs: number;
  };
  /** Removes every row but the deployment's. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

const fine = { status: 'OK', message: 'fine' } as const;
export const healthy: HealthReport = {
  status: 'OK',
  version: '1.2.3',
  database: fine,
  bus: fine,
  provisioner: fine,
  storage: fine,
  guests: fine,
};

export interface WorldOptions {
  assignWaitSeconds?: number;
  publicHost?: string;
  readiness?: 'agent' | 'rdp' | 'either';
  webhook?: boolean;
  /** The folders that VMs share; none unless given. */
  share?: (vmId: string) => Share | undefined;
  oemBundles?: OemBundles;
  /** As of simulated machines that all run, unless given. */
  screens?: Screens;
  /** Another server of the same database. */
  on?: World;
  /** A free one unless given. */
  port?: number;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const database = options.on ? { url: options.on.databaseUrl, drop: async () => {} } : await createTestDatabase();
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const log = pino({ level: 'info' }, sink);
  const db = openDatabase(database.url);
  const bus = openBus({ databaseUrl: database.url, log });
  const writeAs = createWrite(db, (seq) => bus.publish(seq));
  const feed = new Feed({ db, bus, log, slices: new Slices() });
  await feed.start();
  const deployment = await getDeployment(db, 'simulated');
  const settings: World['settings'] = { admit: async () => undefined, health: async () => healthy, rateClockMs: 0 };
  const { allotment, endpoints } = hostPorts({
    ports: { start: 8001, end: 8100 },
    publicHost: options.publicHost ?? 'localhost',
  });
  const { oemBundles, screens } = options;
  const share = options.share ?? (() => undefined);
  const actions = createActions(
    { db, writeAs, feed },
    { allotment, oemBundles, share, admit: (need) => settings.admit(need), ...(screens && { screens }) },
  );
  const readiness = options.readiness ?? 'agent';
  const heartbeats = new Heartbeats({
    db,
    unheardMs: 90_000,
    counts: readiness !== 'rdp',
    listens: () => readiness === 'agent',
    log,
  });
  const guestRoutes = createGuestRoutes({
    db,
    writeAs,
    feed,
    deployment,
    readiness,
    clockSkewSeconds: 30,
    webhook: options.webhook ?? true,
    share,
    heartbeats,
    log,
    now: () => settings.rateClockMs,
  });
  const callers = new Callers();
  const rest = createRest({
    actions,
    callers,
    health: () => settings.health(),
    guestRoutes,
    endpointsOf: endpoints,
    isForeign: originCheck({ publicName: options.publicHost, consolePorts: { start: 8001, end: 8100 } }),
    assignWaitSeconds: options.assignWaitSeconds ?? 10,
    log,
    version: '1.2.3',
  });
  const listener = getRequestListener(rest.fetch, { autoCleanupIncoming: false });
  const server = createListener(
    {},
    {
      handle: (req, res) => {
        callers.enter(req);
        void listener(req, res);
      },
    },
  );
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    databaseUrl: database.url,
    logger: log,
    guestRoutes,
    heartbeats,
    server,
    db,
    ...calling(actions),
    writeAs,
    actions,
    deployment,
    log: lines,
    settings,
    async empty() {
      await db.$executeRaw`TRUNCATE "Event", "Assignment", "CommandOutput", "Command", "Guest", "Vm", "InstallScreenshot", "GoldenImage", "Pool", "ImageLine"`;
      lines.length = 0;
      settings.rateClockMs += 60_000;
    },
    async close() {
      await guestRoutes.stop();
      await heartbeats.stop();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await feed.stop();
      await bus.close();
      await db.$disconnect();
      await database.drop();
    },
  };
}
