import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { pino } from 'pino';
import { createAssignVm } from '../../../src/actions/assignVm.js';
import type { CommandDeps } from '../../../src/actions/deps.js';
import { type Db, openDatabase } from '../../../src/db/client.js';
import { type Deployment, getDeployment } from '../../../src/db/deployment.js';
import { Reads } from '../../../src/db/reads.js';
import { createWrite, type Write } from '../../../src/db/write.js';
import type { HealthReport } from '../../../src/domain/health.js';
import type { OemBundles } from '../../../src/domain/oemBundles.js';
import type { Screens } from '../../../src/domain/screen.js';
import type { Share } from '../../../src/domain/share.js';
import { openBus } from '../../../src/events/bus.js';
import { Feed } from '../../../src/events/feed.js';
import { createGuestRoutes, type GuestRoutes } from '../../../src/guest/guest.js';
import { Heartbeats } from '../../../src/guest/heartbeats.js';
import { createListener } from '../../../src/http/createListener.js';
import { originCheck } from '../../../src/http/hostCheck.js';
import type { Logger } from '../../../src/log.js';
import { Slices } from '../../../src/primitives/slices.js';
import { hostPorts } from '../../../src/provisioner/hostPorts.js';
import { simulatedScreens } from '../../../src/provisioner/simulatedScreens.js';
import { createRest } from '../../../src/rest/rest.js';
import { createTestDatabase } from '../../support/database.js';
import { isoHostRefusal } from '../../support/isoHosts.js';

/** The REST API as it is wired in the server, on a database of its own and a port of its own. */
export interface World {
  url: string;
  databaseUrl: string;
  logger: Logger;
  guestRoutes: GuestRoutes;
  heartbeats: Heartbeats;
  server: Server;
  db: Db;
  write: Write;
  feed: Feed;
  deployment: Deployment;
  /** What was logged. */
  log: Record<string, unknown>[];
  /** Change these at any time. */
  settings: {
    admit: CommandDeps['admit'];
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
  const write = createWrite(db, (seq) => bus.publish(seq));
  const feed = new Feed({ db, bus, log, slices: new Slices() });
  await feed.start();
  const deployment = await getDeployment(db, 'simulated');
  const settings: World['settings'] = { admit: async () => undefined, health: async () => healthy, rateClockMs: 0 };
  const { allotment, endpoints } = hostPorts({
    ports: { start: 8001, end: 8100 },
    publicHost: options.publicHost ?? 'localhost',
  });
  const deps: CommandDeps = {
    db,
    write,
    defaults: { hotSpares: 2, maxVms: 20, cpuCores: 2, ramMiB: 4096, diskGiB: 64 },
    allotment,
    oemBundles: options.oemBundles,
    isoHostRefusal,
    admit: (need) => settings.admit(need),
  };
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
    write,
    feed,
    deployment,
    readiness,
    clockSkewSeconds: 30,
    webhook: options.webhook ?? true,
    share: options.share ?? (() => undefined),
    heartbeats,
    log,
    now: () => settings.rateClockMs,
  });
  const rest = createRest({
    db,
    reads: new Reads(db, 20),
    deps,
    assignVm: createAssignVm({ write }),
    feed,
    health: () => settings.health(),
    guestRoutes,
    share: (vmId) => options.share?.(vmId),
    oemBundles: options.oemBundles,
    screens: options.screens ?? simulatedScreens(() => true),
    endpointsOf: endpoints,
    isForeign: originCheck({ publicName: options.publicHost, consolePorts: { start: 8001, end: 8100 } }),
    assignWaitSeconds: options.assignWaitSeconds ?? 10,
    log,
    version: '1.2.3',
  });
  const listener = getRequestListener(rest.fetch, { autoCleanupIncoming: false });
  const server = createListener({}, { handle: (req, res) => void listener(req, res) });
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
    write,
    feed,
    deployment,
    log: lines,
    settings,
    async empty() {
      await db.$executeRaw`TRUNCATE "Event", "Assignment", "CommandOutput", "Command", "Guest", "Vm", "InstallScreenshot", "GoldenImage", "Pool"`;
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

/** Resolves when `check` holds, asked again after each event of the feed; fails when it does not within 10 s. */
export async function until(world: World, what: string, check: () => Promise<boolean>): Promise<void> {
  const limit = AbortSignal.timeout(10_000);
  const cursor = world.feed.head;
  if (await check()) return;
  for await (const _ of world.feed.subscribe(cursor, {}, limit)) if (await check()) return;
  throw new Error(`did not happen within 10 s: ${what}`);
}
