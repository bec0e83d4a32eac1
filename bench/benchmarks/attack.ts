import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openDatabase } from '../../src/db/client.js';
import { getDeployment, guestToken } from '../../src/db/deployment.js';
import { Leader } from '../../src/db/leader.js';
import { docker, removeNetwork } from '../../test/system/support/deployment.js';
import { freePort } from '../../test/system/support/ports.js';
import { type AttackName, attacks } from '../attack/attacks.js';
import type { FromAttacker, Target, ToAttacker } from '../attack/messages.js';
import { type Seen, wellBehaved } from '../attack/wellBehaved.js';
import type { Benchmark, Finding } from '../benchmark.js';
import { type Figures, figures } from '../figures.js';
import type { Kit } from '../kit.js';
import { seedImage, seedSpares, VM_TYPE } from '../seed.js';
import { type Server, startServer } from '../server.js';
import { startChild } from '../subscribers/child.js';

const SECONDS = 6;
const BARE_SECONDS = 3;
const EVENTS = 1_550;
const MOST_TIMES_QUIET = 5;
const MEMORY_MAY_STAY = 1.5;
/** After the attack, before the memory is looked at. */
const REST_MS = 3_000;

const ASSIGN = `mutation($input: AssignVmInput!) { assignVm(input: $input) { __typename
  ... on AssignVmPayload { assignment { vm { id } } } ... on Refusal { message fix } } }`;

interface Look {
  health: Seen;
  assign: Seen;
}

/**
 * What a well-behaved client sees while each attack runs, against what it sees of the same server in the same run while nobody
 * attacks. Client, attackers and server share the machine: what is left of a server that does nothing is told with it.
 */
export const attack: Benchmark = {
  name: 'attack',
  async run(kit) {
    const { start, guestDoor, close } = await prepare(kit);
    let server = await start();
    let count = 0;
    const order = () =>
      JSON.stringify({ query: ASSIGN, variables: { input: { vmType: VM_TYPE, assignedTo: `job ${count++}` } } });
    const look = async (seconds: number): Promise<Look> => {
      const [health, assign] = await Promise.all([
        wellBehaved(`${server.url}/health`, seconds),
        wellBehaved(`${server.url}/graphql`, seconds, order, '"vm":{"id"'),
      ]);
      return { health, assign };
    };
    await look(2); // code that has run once is faster
    const quiet = await look(SECONDS);
    const before = await residentMiB(server.pid);
    kit.say(`quiet: ${shown(quiet)}, ${before.toFixed(0)} MiB`);

    const findings: Finding[] = [];
    for (const name of Object.keys(attacks) as AttackName[]) {
      const bare = await bareTimesQuiet(kit, name);
      const target = name === 'guest' || name === 'admittedGuest' ? guestDoor : targetOf(server.url);
      const under = await attacked(kit, name, target, () => look(SECONDS));
      await sleep(REST_MS);
      const alive = await residentMiB(server.pid).catch(() => undefined);
      const dead = alive === undefined ? '; THE SERVER DIED' : '';
      const memory = alive === undefined ? '' : `, memory ${before.toFixed(0)} MiB before, ${alive.toFixed(0)} after`;
      kit.say(`${name}: ${shown(under)}${memory}${dead}; bare server ${bare.toFixed(1)} x its quiet`);
      for (const call of ['health', 'assign'] as const) {
        const measured = figures(under[call].times);
        const limit = figures(quiet[call].times);
        const ratio = measured.p99 / limit.p99;
        findings.push({
          name: `attack-${name}-${call}`,
          what:
            `${call === 'health' ? 'GET /health' : 'assignVm'} 25 times a second for ${SECONDS} s during: ${attacks[name].what}; ` +
            `${under[call].failed} not answered; a bare server's p99 is ${bare.toFixed(1)} x its quiet${memory}${dead}`,
          unit: 'ms',
          measured,
          limit: { what: 'the same while nobody attacks', ...limit },
          ratio,
          target: `p99 <= ${MOST_TIMES_QUIET} x, all answered, memory <= ${MEMORY_MAY_STAY} x`,
          met:
            ratio <= MOST_TIMES_QUIET &&
            under[call].failed === 0 &&
            alive !== undefined &&
            alive <= before * MEMORY_MAY_STAY,
        });
      }
      if (alive === undefined) server = await start();
    }
    await server.stop();
    await close();
    return findings;
  },
};

/** On Docker, so that there is a door for guests; its reconciler rests, because this process holds the leader's lock. */
async function prepare(
  kit: Kit,
): Promise<{ start: () => Promise<Server>; guestDoor: Target; close: () => Promise<void> }> {
  const url = await kit.database('attack');
  const leader = new Leader({ url, log: kit.log, lead: async () => async () => {} });
  leader.start();
  const unlead = kit.opened('leader', () => leader.stop());
  const tables = openDatabase(url, 1);
  const deployment = await getDeployment(tables, 'docker');
  await tables.$disconnect();
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  await seedSpares(db, await seedImage(db), 10_000);
  const { rows } = await db.query<{ id: string }>(`SELECT "id" FROM "Vm" LIMIT 1`);
  await db.query(
    `INSERT INTO "Event" ("kind", "actor", "vmType") SELECT 'POOL_CHANGED', 'benchmark', $1 FROM generate_series(1, $2::int)`,
    [VM_TYPE, EVENTS],
  );
  await db.end();

  const network = `vapiorc_bench_${randomBytes(4).toString('hex')}`;
  const made = await docker.createNetwork({
    Name: network,
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
  });
  const remove = kit.opened('network', () => removeNetwork(network));
  const { IPAM } = (await made.inspect()) as { IPAM: { Config: { Gateway: string }[] } };
  const host = IPAM.Config[0]?.Gateway ?? '';
  const port = await freePort();
  const settings = {
    VAPIORC_PROVISIONER: 'docker',
    VAPIORC_KVM: 'off',
    VAPIORC_NETWORK: network,
    VAPIORC_GUEST_PORT: String(port),
    VAPIORC_HOT_SPARES: '0',
  };
  return {
    start: () => startServer(kit, url, settings),
    guestDoor: { host, port, from: host, token: guestToken(deployment, rows[0]?.id ?? '') },
    close: async () => {
      await remove();
      await unlead();
    },
  };
}

async function attacked<T>(kit: Kit, attack: AttackName, target: Target, look: () => Promise<T>): Promise<T> {
  const attacker = startChild<ToAttacker, FromAttacker>(kit, '../attack/attacker.ts');
  await attacker.ask({ attack, target });
  try {
    return await look();
  } finally {
    await attacker.stop();
  }
}

/** What the machine itself makes of this attack: p99 of a server that does nothing, under it and in peace. */
async function bareTimesQuiet(kit: Kit, name: AttackName): Promise<number> {
  const bare = startChild<object, { port: number }>(kit, '../attack/bareServer.ts');
  const { port } = await bare.ask({ do: 'port' });
  const url = `http://127.0.0.1:${port}/health`;
  const look = async () => p99(await wellBehaved(url, BARE_SECONDS));
  const quiet = await look();
  const under = await attacked(kit, name, targetOf(url), look);
  await bare.stop();
  return under / quiet;
}

/** Who attacks has another address than who behaves well, as two hosts have. */
const targetOf = (url: string): Target => ({ host: '127.0.0.1', port: Number(new URL(url).port), from: '127.0.0.2' });
const p99 = ({ times }: Seen): number => figures(times).p99;

function shown({ health, assign }: Look): string {
  const each = ({ p50, p99 }: Figures) => `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`;
  const failed = health.failed + assign.failed;
  return `health ${each(figures(health.times))}, assign ${each(figures(assign.times))}${failed > 0 ? `, ${failed} not answered` : ''}`;
}

async function residentMiB(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
