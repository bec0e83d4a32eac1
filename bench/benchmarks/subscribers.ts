import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openDatabase } from '../../src/db/client.js';
import { getDeployment } from '../../src/db/deployment.js';
import { createWrite } from '../../src/db/write.js';
import { ANYONE } from '../../src/domain/principal.js';
import { openBus } from '../../src/events/bus.js';
import type { Benchmark, Finding } from '../benchmark.js';
import { overRounds, ratioOf } from '../figures.js';
import { createGraphqlClient } from '../graphqlClient.js';
import type { Kit } from '../kit.js';
import { openLoop } from '../openLoop.js';
import { VM_TYPE } from '../seed.js';
import { startServer } from '../server.js';
import { bootSpares, THOUSAND_VMS } from '../sparePool.js';
import { bareSockets, type Ends, followers } from '../subscribers/ends.js';
import { clock } from '../subscribers/messages.js';

const SUBSCRIBERS = 1000;
const ROUNDS = 3;
/** Each follows one VM; the events are spread over the VMs. */
const OWN = { perSecond: 50, events: 250 };
/** Everybody follows everything. */
const ALL = { perSecond: 1, events: 8 };

const FIELDS = '{ cursor at kind vmId reason }';
const FOLLOW_OWN = `subscription($vmId: ID!) { vmEvents(vmId: $vmId) ${FIELDS} }`;
const FOLLOW_ALL = `subscription { vmEvents ${FIELDS} }`;

/**
 * From the commit to the subscriber, on a server that reconciles 1,000 VMs. The events are committed by this process, as by
 * a second server: so the hint goes through Postgres as well. Subscribers are a process of their own.
 */
export const subscribers: Benchmark = {
  name: 'subscribers',
  async run(kit) {
    const url = await kit.database('subscribers');
    const server = await startServer(kit, url, THOUSAND_VMS);
    const client = createGraphqlClient(server.url);
    kit.say(`${SUBSCRIBERS} simulated VMs booted in ${((await bootSpares(client, SUBSCRIBERS)) / 1000).toFixed(1)} s`);
    client.close();
    const source = await openSource(kit, url);
    const ws = `${server.url.replace('http', 'ws')}/graphql`;

    const own = await followers(
      kit,
      ws,
      FOLLOW_OWN,
      source.vmIds.map((vmId) => ({ vmId })),
    );
    const ownFinding = await measure(kit, OWN, own, await bareSockets(kit, SUBSCRIBERS), {
      name: 'events-own',
      what: `commit to receipt, ${SUBSCRIBERS} WebSocket subscribers each following its own VM, ${OWN.perSecond} events/s`,
      commit: (n) => source.commit(n),
      reach: () => source.commitForEach(),
      to: (n) => n % SUBSCRIBERS,
      each: 1,
    });
    const everything = Array.from({ length: SUBSCRIBERS }, () => ({}));
    const all = await followers(kit, ws, FOLLOW_ALL, everything);
    const allFinding = await measure(kit, ALL, all, await bareSockets(kit, SUBSCRIBERS), {
      name: 'events-all',
      what: `commit to receipt, ${SUBSCRIBERS} WebSocket subscribers all following all events, ${ALL.perSecond} event/s`,
      commit: (n) => source.commit(n),
      reach: () => source.commit(0).then(() => {}),
      to: () => 'all',
      each: SUBSCRIBERS,
    });
    await source.close();
    await server.stop();
    return [ownFinding, allFinding];
  },
};

interface Scenario {
  name: string;
  what: string;
  /** Commits one event; answers its seq and when that was done. */
  commit: (n: number) => Promise<{ seq: string; atMs: number }>;
  /** Commits what every subscriber is to see. */
  reach: () => Promise<void>;
  to: (n: number) => number | 'all';
  /** How many subscribers see one event. */
  each: number;
}

async function measure(
  kit: Kit,
  { perSecond, events }: typeof OWN,
  thing: Ends,
  bare: Ends,
  scenario: Scenario,
): Promise<Finding> {
  await allReached(thing, scenario.reach);
  const rounds = { thing: [] as number[][], bare: [] as number[][] };
  let n = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sent = new Map<string, number>();
    await openLoop(perSecond, events, async () => {
      const { seq, atMs } = await scenario.commit(n++);
      sent.set(seq, atMs);
    });
    rounds.thing.push(await thing.latencies(sent, scenario.each));
    const text = (seq: string) =>
      JSON.stringify({ id: seq, type: 'next', payload: { data: { vmEvents: sample(seq) } } });
    await openLoop(perSecond, events, async (k) => {
      const seq = `${round}-${k}`;
      bare.send?.(seq, text(seq), scenario.to(k));
    });
    rounds.bare.push(await bare.latencies(undefined, scenario.each));
    kit.say(`${scenario.name}, round ${round + 1} of ${ROUNDS}`);
  }
  await Promise.all([thing.stop(), bare.stop()]);
  const measured = overRounds(rounds.thing);
  return {
    name: scenario.name,
    what: scenario.what,
    unit: 'ms',
    measured,
    limit: { what: 'the same text sent by a bare ws server', ...overRounds(rounds.bare) },
    ratio: ratioOf(rounds.thing, rounds.bare),
    target: 'p50 <= 10, p99 <= 100',
    met: measured.p50 <= 10 && measured.p99 <= 100,
  };
}

const sample = (cursor: string) => ({
  cursor,
  at: new Date().toISOString(),
  kind: 'VM_READY',
  vmId: '0'.repeat(36),
  reason: null,
});

/** A subscription is not answered until there is an event: so there are events, until everybody got one. */
async function allReached(thing: Ends, commit: () => Promise<void>): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    await commit();
    await sleep(1_000);
    const reached = await thing.reached();
    if (reached === SUBSCRIBERS) return;
    if (Date.now() > end) throw new Error(`only ${reached} of ${SUBSCRIBERS} subscribers get events`);
  }
}

/** Commits events as the server's own code does, for VMs that are there. */
async function openSource(kit: Kit, url: string) {
  const db = openDatabase(url);
  const channel = `vapiorc:${(await getDeployment(db, 'simulated')).name}`;
  const bus = openBus({ databaseUrl: url, channel, log: kit.log });
  const rows = new pg.Client({ connectionString: url });
  await rows.connect();
  const { rows: vms } = await rows.query<{ id: string }>(
    `SELECT "id" FROM "Vm" WHERE "status" = 'READY' ORDER BY "id"`,
  );
  await rows.end();
  const vmIds = vms.map(({ id }) => id);
  const event = (vmId: string) => ({ kind: 'VM_READY', vmType: VM_TYPE, vmId }) as const;
  const write = async (ids: readonly string[]) => {
    const committed = { seq: '', atMs: 0 };
    await createWrite(db, (seq) => {
      Object.assign(committed, { seq: String(seq), atMs: clock() });
      bus.publish(seq);
    })(ANYONE)(async (_tx, tell) => {
      for (const vmId of ids) tell(event(vmId));
    });
    return committed;
  };
  return {
    vmIds,
    commit: (n: number) => write([vmIds[n % vmIds.length] as string]),
    commitForEach: async () => void (await write(vmIds)),
    close: kit.opened('event source', async () => {
      await bus.close();
      await db.$disconnect();
    }),
  };
}
