import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from '../benchmark.js';
import { figures, overRounds, ratioOf } from '../figures.js';
import { createGraphqlClient } from '../graphqlClient.js';
import { oneByOne } from '../openLoop.js';
import { startServer } from '../server.js';
import { bootSpares, THOUSAND_VMS } from '../sparePool.js';

const VMS = 1000;
const ROUNDS = 3;
const PAGES = 100;
/** A round of idleness; three of them are the 30 s. */
const IDLE_MS = 10_000;
const SETTLE_MS = 15_000;
/** Of /proc/<pid>/stat, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

const PAGE = `{ vms(first: 50) { pageInfo { endCursor hasNextPage } edges { node {
  id status vmType hotSpare assignedTo port novncUrl createdAt readyAt allowedActions goldenImage { id name version } } } } }`;

/** A server that holds as many VMs as it can: what a page of them costs, and what they cost while nothing happens. */
export const thousandVms: Benchmark = {
  name: 'thousandVms',
  async run(kit) {
    const server = await startServer(kit, await kit.database('thousand'), THOUSAND_VMS);
    const client = createGraphqlClient(server.url);
    await sleep(SETTLE_MS / 3);
    kit.say('idle without VMs');
    const empty = await idle(server.pid);
    const bootMs = await bootSpares(client, VMS);
    kit.say(`${VMS} simulated VMs booted in ${(bootMs / 1000).toFixed(1)} s; settling, then idle with them`);
    await sleep(SETTLE_MS);
    const full = await idle(server.pid);
    const rssMiB = await residentMiB(server.pid);

    const ask = (query: string) => () => client.ask(query);
    await oneByOne(PAGES, ask(PAGE));
    const times = { page: [] as number[][], trivial: [] as number[][] };
    for (let round = 0; round < ROUNDS; round++) {
      times.trivial.push(await oneByOne(PAGES, ask('{ __typename }')));
      times.page.push(await oneByOne(PAGES, ask(PAGE)));
    }
    client.close();
    await server.stop();
    const page = overRounds(times.page);
    const cpu = figures(full);
    return [
      {
        name: 'vms-page',
        what: `vms(first: 50) over HTTP with ${VMS} VMs, 10 fields each and the golden image`,
        unit: 'ms',
        measured: page,
        limit: { what: '{ __typename }', ...overRounds(times.trivial) },
        ratio: ratioOf(times.page, times.trivial),
        target: 'p95 <= 100',
        met: page.p95 <= 100,
      },
      {
        name: 'idle-cpu',
        what: `processor time of the server process with ${VMS} ready VMs and nobody asking, ${ROUNDS} times ${IDLE_MS / 1000} s`,
        unit: '% of one',
        measured: cpu,
        limit: { what: 'the same server without VMs', ...figures(empty) },
        ratio: cpu.p50 / Math.max(0.01, figures(empty).p50),
        target: '< 2',
        met: cpu.p50 < 2,
      },
      {
        name: 'rss',
        what: `resident memory of that process`,
        unit: 'MiB',
        measured: figures([rssMiB]),
        target: 'none',
      },
      {
        name: 'boot',
        what: `${VMS} simulated VMs from setPool to READY, asked for in steps of 100`,
        unit: 's',
        measured: figures([bootMs / 1000]),
        target: 'none',
      },
    ];
  },
};

/** Percent of one processor in each round. */
async function idle(pid: number): Promise<number[]> {
  const shares: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [before, begun] = [await processorSeconds(pid), performance.now()];
    await sleep(IDLE_MS);
    const [after, ended] = [await processorSeconds(pid), performance.now()];
    shares.push((100 * (after - before)) / ((ended - begun) / 1000));
  }
  return shares;
}

async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces; user and system time are the 12th and 13th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
