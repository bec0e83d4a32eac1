import pg from 'pg';
import { Leader } from '../../src/db/leader.js';
import type { Benchmark, Finding } from '../benchmark.js';
import { figures, overRounds, ratioOf } from '../figures.js';
import { createGraphqlClient, type GraphqlClient } from '../graphqlClient.js';
import type { Kit } from '../kit.js';
import { openLoop } from '../openLoop.js';
import { seedImage, seedSpares, VM_TYPE } from '../seed.js';
import { startServer } from '../server.js';
import { bootSpares, THOUSAND_VMS } from '../sparePool.js';

const PER_SECOND = 100;
const ROUNDS = 3;
const BURST = 100;
const WARM_UP = 50;

const ASSIGN = `mutation($input: AssignVmInput!) { assignVm(input: $input) { __typename
  ... on AssignVmPayload { assignment { id status vm { id port novncUrl rdpPort } } } } }`;
const TRIVIAL = '{ __typename }';

type Assigned = { assignVm: { assignment?: { vm: { id: string } | null } } };

/** assignVm as callers see it: over HTTP, against a query that does nothing. */
export const assignHttp: Benchmark = {
  name: 'assignHttp',
  run: async (kit) => [...(await alone(kit)), ...(await withReconciler(kit))],
};

/** On a server that leads and reconciles 1,000 simulated VMs. There are no more ports, so rounds are shorter. */
async function withReconciler(kit: Kit): Promise<Finding[]> {
  const server = await startServer(kit, await kit.database('assign_leading'), THOUSAND_VMS);
  const client = createGraphqlClient(server.url);
  const spares = 1000;
  kit.say(`${spares} simulated VMs booted in ${((await bootSpares(client, spares)) / 1000).toFixed(1)} s`);
  const perRound = Math.floor((spares - WARM_UP - BURST) / ROUNDS);
  const found = await measure(kit, client, '-leading', {
    perRound,
    bursts: 1,
    pool: `${spares} booted VMs, reconciled`,
  });
  client.close();
  await server.stop();
  return found;
}

/**
 * 15 s in all, on a server whose reconciler rests: this process holds the leader's lock, as another server would, since rows
 * that were written straight into the table have no machines behind them.
 */
async function alone(kit: Kit): Promise<Finding[]> {
  const url = await kit.database('assign');
  const leader = new Leader({ url, log: kit.log, lead: async () => async () => {} });
  leader.start();
  const unlead = kit.opened('leader', () => leader.stop());
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  await seedSpares(db, await seedImage(db), 5000);
  await db.end();
  const server = await startServer(kit, url);
  const client = createGraphqlClient(server.url);
  const found = await measure(kit, client, '', {
    perRound: 500,
    bursts: ROUNDS,
    pool: '5000 ready rows, another server leads',
  });
  client.close();
  await server.stop();
  await unlead();
  return found;
}

async function measure(
  kit: Kit,
  { ask }: GraphqlClient,
  suffix: string,
  { perRound, bursts, pool }: { perRound: number; bursts: number; pool: string },
): Promise<Finding[]> {
  const given = new Set<string>();
  let count = 0;
  const assign = async () => {
    const input = { vmType: VM_TYPE, assignedTo: `job ${count++}` };
    const vm = (await ask<Assigned>(ASSIGN, { input })).assignVm.assignment?.vm;
    if (vm == null) throw new Error('an assignment got no VM at once');
    given.add(vm.id);
  };
  const trivial = async () => void (await ask(TRIVIAL));
  await openLoop(PER_SECOND, 3 * WARM_UP, trivial);
  await openLoop(PER_SECOND, WARM_UP, assign);

  const times = { assign: [] as number[][], trivial: [] as number[][] };
  for (let round = 0; round < ROUNDS; round++) {
    times.trivial.push(await openLoop(PER_SECOND, perRound, trivial));
    times.assign.push(await openLoop(PER_SECOND, perRound, assign));
    kit.say(`round ${round + 1}${suffix}: ${figures(times.assign.at(-1) ?? []).p50.toFixed(1)} ms`);
  }
  const burst = { assign: [] as number[], trivial: [] as number[] };
  for (let n = 0; n < bursts; n++) {
    burst.trivial.push(await timed(() => Promise.all(Array.from({ length: BURST }, trivial))));
    burst.assign.push(await timed(() => Promise.all(Array.from({ length: BURST }, assign))));
  }
  const doubles = count - given.size;
  const latency = overRounds(times.assign);
  const whole = figures(burst.assign);
  return [
    {
      name: `assign-http${suffix}`,
      what: `assignVm over HTTP, open loop of ${PER_SECOND}/s for ${(ROUNDS * perRound) / PER_SECOND} s in ${ROUNDS} rounds, ${pool}`,
      unit: 'ms',
      measured: latency,
      limit: { what: `${TRIVIAL} at the same rate`, ...overRounds(times.trivial) },
      ratio: ratioOf(times.assign, times.trivial),
      target: 'p50 <= 10, p99 <= 50',
      met: latency.p50 <= 10 && latency.p99 <= 50 && doubles === 0,
    },
    {
      name: `assign-burst${suffix}`,
      what: `until all of ${BURST} assignVm at once are answered, ${count - doubles} of ${count} VMs distinct so far`,
      unit: 'ms',
      measured: whole,
      limit: { what: `${BURST} times ${TRIVIAL} at once`, ...figures(burst.trivial) },
      ratio: ratioOf([burst.assign], [burst.trivial]),
      target: '<= 1000, all distinct',
      met: whole.max <= 1000 && doubles === 0,
    },
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
