import type pg from 'pg';
import type { Benchmark } from '../benchmark.js';
import { claimsOn } from '../claimsOn.js';
import { figures, median } from '../figures.js';
import { seedSpares, VM_TYPE } from '../seed.js';

const CALLERS = 16;
const ROUNDS = 5;
const CLAIMS = 2_000;
/** More spares than claims, so that a claim never finds none because others hold the last ones. */
const READY = CLAIMS + CALLERS;

const BARE = `UPDATE "Vm" SET "status" = 'ASSIGNED', "hotSpare" = false, "assignedTo" = $2, "assignedAt" = now(),
    "changedAt" = now(), "generation" = "generation" + 1
  WHERE "id" = (SELECT "id" FROM "Vm" WHERE "poolId" = (SELECT "id" FROM "Pool" WHERE "name" = $1) AND "status" = 'READY' AND "hotSpare"
    ORDER BY "readyAt" LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING "id"`;

/** The command that hands VMs out, with its assignment, its event and its hint, against the one statement at its heart. */
export const claim: Benchmark = {
  name: 'claim',
  async run(kit) {
    const { pool, imageId, orders } = await claimsOn(kit, 'claim', CALLERS);
    const byCommand = orders();
    const bare = async (assignedTo: string) => {
      const { rows } = await pool.query<{ id: string }>({ name: 'bare', text: BARE, values: [VM_TYPE, assignedTo] });
      return rows[0]?.id ?? null;
    };

    const rates = { command: [] as number[], bare: [] as number[] };
    const given = new Map<string, string>();
    let twice = 0;
    await seedSpares(pool, imageId, 500);
    for (const way of [byCommand, bare]) await claimAll(200, 'warm-up', way);
    for (let round = 0; round < ROUNDS; round++) {
      const ways = round % 2 === 0 ? (['command', 'bare'] as const) : (['bare', 'command'] as const);
      for (const way of ways) {
        await seedSpares(pool, imageId, READY);
        const { perSecond, vmIds } = await claimAll(CLAIMS, `${way}-${round}`, way === 'command' ? byCommand : bare);
        rates[way].push(perSecond);
        if (way === 'bare') continue;
        for (const [assignedTo, vmId] of vmIds) {
          if (given.has(vmId)) twice++;
          given.set(vmId, assignedTo);
        }
      }
      kit.say(`round ${round + 1}: ${rates.command.at(-1)?.toFixed(0)}/s, bare ${rates.bare.at(-1)?.toFixed(0)}/s`);
    }
    const wrong = twice + (await wrongRows(pool, given));
    const claims = ROUNDS * CLAIMS;
    const ratio = median(rates.command.map((rate, n) => rate / (rates.bare[n] as number)));
    return [
      {
        name: 'claim',
        what: `assignVm command, ${CALLERS} concurrent callers, ${READY} ready rows at the start of a round`,
        unit: 'claims/s',
        measured: figures(rates.command),
        limit: { what: `the claim as one bare UPDATE, ${CALLERS} connections`, ...figures(rates.bare) },
        ratio,
        target: 'ratio >= 0.5',
        met: ratio >= 0.5,
      },
      {
        name: 'claim-unique',
        what: `double or lost assignments in ${claims} claims, by the answers and by the rows`,
        unit: 'VMs',
        measured: { ...figures([wrong]), samples: claims },
        target: '0',
        met: wrong === 0 && given.size === claims,
      },
    ];
  },
};

/** `count` claims by callers that each ask again as soon as they have their answer. */
async function claimAll(count: number, tag: string, way: (assignedTo: string) => Promise<string | null>) {
  const vmIds: [assignedTo: string, vmId: string][] = [];
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const assignedTo = `${tag}-${next++}`;
      const vmId = await way(assignedTo);
      if (vmId === null) throw new Error('a claim found no spare');
      vmIds.push([assignedTo, vmId]);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return { perSecond: (count * 1000) / (performance.now() - begun), vmIds };
}

/** How many of the answers are not what the rows say, and how many VMs have more than one assignment or event. */
async function wrongRows(pool: pg.Pool, given: ReadonlyMap<string, string>): Promise<number> {
  const { rows } = await pool.query<{ id: string; assignedTo: string; assignments: number; events: number }>(`
    SELECT vm."id", a."assignedTo", a."assignments"::int, e."events"::int
    FROM "Vm" vm
    JOIN (SELECT "vmId", min("assignedTo") AS "assignedTo", count(*) AS "assignments"
          FROM "Assignment" WHERE "status" = 'FULFILLED' GROUP BY 1) a ON a."vmId" = vm."id"
    JOIN (SELECT "vmId", count(*) AS "events" FROM "Event" WHERE "kind" = 'VM_ASSIGNED' GROUP BY 1) e ON e."vmId" = vm."id"
    WHERE vm."status" = 'ASSIGNED' AND vm."assignedTo" = a."assignedTo"`);
  const right = rows.filter((row) => {
    return row.assignments === 1 && row.events === 1 && given.get(row.id) === row.assignedTo;
  });
  return given.size - right.length;
}
