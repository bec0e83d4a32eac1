import type { IncomingMessage, RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createOrders } from './actions/assignment/orders.js';
import { Waits } from './actions/assignment/waits.js';
import type { ActionDeps } from './actions/context.js';
import { createIsoHostRefusal } from './actions/image/isoHosts.js';
import type { Config } from './config.js';
import { createHealth } from './createHealth.js';
import { openDatabase } from './db/client.js';
import type { DatabasePlace } from './db/databaseHealth.js';
import { getDeployment } from './db/deployment.js';
import { leadOf } from './db/lead.js';
import { Leader } from './db/leader.js';
import { Reads } from './db/reads.js';
import { createWrite } from './db/write.js';
import { Unavailable } from './domain/errors.js';
import type { HealthReport } from './domain/health.js';
import { RECONCILER } from './domain/principal.js';
import { openBus } from './events/bus.js';
import { Feed } from './events/feed.js';
import { createGraphql } from './graphql/transport/server.js';
import { createGuestRoutes } from './guest/guest.js';
import { GuestDoor } from './guest/guestDoor.js';
import { Heartbeats } from './guest/heartbeats.js';
import { Callers } from './http/callers.js';
import { originCheck, type Peer } from './http/hostCheck.js';
import { type EdgeRefusal, isGraphql, refuseRequest, refuseUpgrade } from './http/refuse.js';
import { UnderWay } from './http/underWay.js';
import type { Logger } from './log.js';
import { openProvisioner } from './openProvisioner.js';
import { openScreens } from './openScreens.js';
import type { Closer } from './primitives/closers.js';
import { Slices } from './primitives/slices.js';
import { leading } from './provisioner/provisioner.js';
import { Memory } from './reconciler/memory.js';
import { Reconciler } from './reconciler/reconciler.js';
import { createRest } from './rest/rest.js';
import { VERSION } from './version.js';

const BUS_WAIT_MS = 2_000;
/** What nobody reads of a body is the listener's to deal with. */
const UNREAD = { autoCleanupIncoming: false };
/** As at their own door. */
const NOTHING_FOR_GUESTS: EdgeRefusal = {
  status: 404,
  code: 'NOT_FOUND',
  message: 'there is no such route',
  fix: 'Guests report with POST /guest/v1/ready.',
};

/** What answers requests once the database is there. */
export interface Core {
  /** Whose address this is. Those who are unknown are to get nothing but the advice to come again. */
  whoIs: (remoteAddress: string | undefined) => Peer;
  handle: RequestListener;
  upgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
  health: () => Promise<HealthReport>;
}

/** Builds and wires everything that needs the database, once. Each thing that must be closed is pushed as it is opened. `open`: how machines are made. */
export async function startCore(
  config: Config,
  database: DatabasePlace,
  log: Logger,
  closers: Closer[],
  open = openProvisioner,
): Promise<Core> {
  const { url: databaseUrl, reserve } = database;
  const opened = (name: string, close: () => Promise<void>) => closers.push({ name, close });

  const db = openDatabase(databaseUrl, config.databaseConnections);
  opened('database', () => db.$disconnect());
  const endClock = await db.clock.follow(db);
  opened('clock', async () => endClock());
  const deployment = await getDeployment(db, config.provisioner);
  const bus = openBus({ databaseUrl, redisUrl: config.redisUrl, channel: `vapiorc:${deployment.name}`, log });
  opened('bus', () => bus.close());
  const hint = (seq: bigint) => bus.publish(seq);
  const writeAs = createWrite(db, hint, { reserve });
  const slices = new Slices();
  const feed = new Feed({ db, bus, log, slices });
  await feed.start();
  opened('feed', () => feed.stop());

  const heartbeats = new Heartbeats({
    db,
    unheardMs: config.unheardMs,
    counts: config.readiness !== 'rdp',
    // Where more than the agent's word counts, the one who probes knows what is silent.
    listens: () => config.readiness === 'agent' && (guests === undefined || guests.health().status === 'OK'),
    log,
  });
  const { provisioner, simulated } = open(
    config,
    deployment.name,
    log,
    async () => (await db.goldenImage.count({ where: { status: { in: ['READY', 'RETIRED'] } } })) === 0,
    { answer: (request) => guestRoutes.fetch(request), onSeen: (vmId) => heartbeats.seen(vmId) },
  );
  opened('provisioner', () => provisioner.close());
  if (simulated) {
    opened('simulated guests', () => simulated.stop());
    feed.onEvents((events) => simulated.see(events));
  }
  const ordersStopped = new AbortController();
  const actions: ActionDeps = {
    writeAs,
    reads: new Reads(db, config.databaseConnections),
    feed,
    placeOrder: createOrders({ writeAs, stopped: ordersStopped.signal }),
    waits: new Waits(db),
    defaults: config.defaults,
    allotment: provisioner.allotment,
    oemBundles: provisioner.oemBundles,
    qemuAgent: provisioner.hasQemuAgent,
    isoHostRefusal: createIsoHostRefusal({
      allowed: config.isoHosts,
      guests: async () =>
        provisioner.guestWays?.().catch((err: unknown) => (err instanceof Unavailable ? err : Promise.reject(err))),
    }),
    admit: (need) => provisioner.admit(need),
    share: (vmId) => provisioner.share({ kind: 'vm', id: vmId }),
    screens: provisioner,
  };
  opened('orders', async () => ordersStopped.abort());

  const guestRoutes = createGuestRoutes({
    db,
    writeAs,
    feed,
    deployment,
    readiness: config.readiness,
    clockSkewSeconds: config.clockSkewSeconds,
    webhook: config.webhook,
    share: simulated ? (vmId) => simulated.share(vmId) : actions.share,
    heartbeats,
    log,
  });
  const answerGuest = getRequestListener(guestRoutes.fetch, UNREAD);
  const guestApp: RequestListener = (req, res) => void answerGuest(req, res);
  const { guestWays: ways } = provisioner;
  const guests = ways && new GuestDoor({ handle: guestApp, port: config.guestPort, ways, log });
  guests?.start();
  if (guests) opened('guest door', () => guests.stop());
  heartbeats.start();
  opened('heartbeats', () => heartbeats.stop());
  // Closed before the doors, so that no guest that waits keeps one open.
  opened('guest calls', () => guestRoutes.stop());

  const connections = config.databaseConnections;
  const health = createHealth({ db, database, connections, bus, provisioner, guests });
  const callers = new Callers();
  const shared = {
    actions,
    callers,
    slices,
    health,
    endpointsOf: provisioner.endpoints,
    isForeign: originCheck({ publicName: config.publicName, consolePorts: config.ports }),
    assignWaitSeconds: config.assignWaitSeconds,
    log,
  };
  const underWay = new UnderWay();
  const graphql = createGraphql(shared, underWay);
  opened('graphql', () => graphql.close());
  const rest = getRequestListener(createRest({ ...shared, guestRoutes, version: VERSION }).fetch, UNREAD);

  const whoIs = (remoteAddress: string | undefined) => (guests ? guests.whoIs(remoteAddress) : 'caller');
  const memory = new Memory();
  const leader = new Leader({
    url: databaseUrl,
    log,
    reserve,
    lead: async (term, over) => {
      const reconciler = new Reconciler(
        {
          ...config,
          db,
          write: createWrite(db, hint, { term, reserve })(RECONCILER),
          provisioner: leading(provisioner, leadOf(db, term, over)),
          deployment,
          log,
          now: () => db.clock.now(),
          memory,
          ledSince: db.clock.now(),
        },
        feed,
      );
      reconciler.start();
      return () => reconciler.stop();
    },
  });
  const screens = openScreens({ config, db, feed, provisioner, callers, whoIs, log });
  opened('screens', () => screens.stop());

  leader.start();
  opened('leader', () => leader.stop());

  // It connects by itself, in milliseconds; waiting for that keeps the start report from crying wolf.
  for (let waited = 0; bus.health().status !== 'OK' && waited < BUS_WAIT_MS; waited += 50) await sleep(50);

  return {
    whoIs,
    health,
    upgrade: (req, socket, head) => {
      if (whoIs(req.socket.remoteAddress) !== 'caller') return refuseUpgrade(req, socket, NOTHING_FOR_GUESTS);
      callers.enter(req);
      graphql.upgrade(req, socket, head);
    },
    handle: (req, res) => {
      // Where the server listens on more than loopback, guests reach this port too: for them it is the guest door.
      if (whoIs(req.socket.remoteAddress) !== 'caller') return guestApp(req, res);
      const refusal = underWay.begin(req, res);
      if (refusal) return refuseRequest(req, res, refusal);
      callers.enter(req);
      if (isGraphql(req)) graphql.handle(req, res);
      else void rest(req, res);
    },
  };
}
