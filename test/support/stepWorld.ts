import { openDatabase } from '../../src/db/client.js';
import { getDeployment } from '../../src/db/deployment.js';
import { createWrite } from '../../src/db/write.js';
import { guestOf, RECONCILER } from '../../src/domain/principal.js';
import { openBus } from '../../src/events/bus.js';
import { Feed } from '../../src/events/feed.js';
import { Heartbeats } from '../../src/guest/heartbeats.js';
import { createLog } from '../../src/log.js';
import { Slices } from '../../src/primitives/slices.js';
import { createSimulatedProvisioner } from '../../src/provisioner/simulated/simulated.js';
import type { Deps } from '../../src/reconciler/deps.js';
import { Memory } from '../../src/reconciler/memory.js';
import { Reconciler } from '../../src/reconciler/reconciler.js';
import { reportInstalled, reportVmReady } from '../../src/transitions/reportGuest.js';
import { calling, createActions, orders } from './actions.js';
import { alone } from './alone.js';
import { createTestDatabase } from './database.js';

/**
 * The reconciler and what it works with, on a database of its own and simulated machines, for tests that take its steps one by one, with times
 * and engines of their own: a core that has started (world.ts) takes them all by itself. Nothing reconciles until it is told to.
 */
export async function createStepWorld(over: Partial<Deps> = {}, { endpoints = true } = {}) {
  const database = await createTestDatabase();
  const log = createLog(process.env.VAPIORC_TEST_LOG_LEVEL ?? 'silent');
  const db = openDatabase(database.url);
  const bus = openBus({ databaseUrl: database.url, log });
  const writeAs = createWrite(db, (seq) => bus.publish(seq));
  const feed = new Feed({ db, bus, log, slices: new Slices() });
  await feed.start();
  const provisioner = alone(
    createSimulatedProvisioner({
      createMs: 1,
      bootMs: 5,
      installMs: 5,
      failureRate: 0,
      onReady: (vmId) => void reportVmReady({ write: writeAs(guestOf(vmId)) }, vmId).catch(() => {}),
      onInstalled: (imageId) => void reportInstalled({ write: writeAs(guestOf(imageId)) }, imageId).catch(() => {}),
      onEnded: () => {},
      onSeen: (vmId) => heartbeats.seen(vmId),
      seenEveryMs: 20,
      ...(endpoints && { hostPorts: { ports: { start: 8001, end: 8100 }, publicHost: 'localhost' } }),
    }),
  );
  let hears = false;
  const heartbeats = new Heartbeats({
    db,
    unheardMs: over.unheardMs ?? 60_000,
    counts: over.readiness !== 'rdp',
    listens: () => hears,
    log,
  });
  heartbeats.start();
  const deps: Deps = {
    db,
    write: writeAs(RECONCILER),
    provisioner,
    deployment: await getDeployment(db, 'simulated'),
    log,
    now: () => db.clock.now(),
    memory: new Memory(),
    ledSince: new Date(0),
    readiness: 'agent',
    unheardMs: 60_000,
    bootTimeoutMs: 60_000,
    installTimeoutMs: 60_000,
    installStuckMs: 60_000,
    ...over,
  };
  const actions = createActions(
    { db, writeAs, feed },
    { allotment: provisioner.allotment, admit: (need) => provisioner.admit(need) },
  );
  let reconciler: Reconciler | undefined;
  return {
    ...calling(actions),
    db,
    url: database.url,
    bus,
    writeAs,
    log,
    provisioner,
    deps,
    actions,
    assignVm: orders(actions.placeOrder),
    /** Makes the world match the rows from now on. */
    reconcile: () => {
      reconciler = new Reconciler(deps, feed);
      reconciler.start();
      return reconciler;
    },
    /** From now on guests are heard, and silence counts; or not any more. */
    listen: (on = true) => {
      hears = on;
    },
    kinds: async () => (await db.event.findMany({ orderBy: { seq: 'asc' } })).map((event) => event.kind),
    close: async () => {
      await reconciler?.stop();
      await heartbeats.stop();
      await feed.stop();
      await bus.close();
      await provisioner.close();
      await db.$disconnect();
      await database.drop();
    },
  };
}

export type StepWorld = Awaited<ReturnType<typeof createStepWorld>>;
