import type pg from 'pg';
import type { Benchmark, Finding } from '../benchmark.js';
import { claimsOn } from '../claimsOn.js';
import { figures, median } from '../figures.js';
import { seedSpares } from '../seed.js';

const CALLERS = 16;
const ROUNDS = 3;
const CLAIMS = 500;

const READY = `"status" = 'READY' AND "hotSpare"`;
const TAKE = `UPDATE "Vm" SET "status" = 'ASSIGNED', "hotSpare" = false, "assignedTo" = $1, "assignedAt" = now(),
  "changedAt" = now(), "generation" = "generation" + 1`;
const oldest = (how: string) => `SELECT "id" FROM "Vm" WHERE ${READY} ORDER BY "readyAt" LIMIT 1 ${how}`;

/** Takes one spare; answers its id, or null where another caller was faster. */
type Way = (client: pg.PoolClient, assignee: string) => Promise<string | null>;

const one = async (client: pg.PoolClient, text: string, values: string[]) =>
  (await client.query<{ id: string }>(text, values)).rows[0]?.id ?? null;

async function inTransaction(client: pg.PoolClient, work: () => Promise<string | null>): Promise<string | null> {
  await client.query('BEGIN');
  const id = await work();
  await client.query('COMMIT');
  return id;
}

/** Ways to take a row that only one may have. The first is the one in use (src/db/claim.ts), as a bare statement. */
const WAYS: Record<string, Way> = {
  'skip-locked': (client, assignee) =>
    one(client, `${TAKE} WHERE "id" = (${oldest('FOR UPDATE SKIP LOCKED')}) RETURNING "id"`, [assignee]),
  // Everybody waits for the holder of the oldest row, and finds it gone when it is let go.
  'row-lock': (client, assignee) =>
    one(client, `${TAKE} WHERE "id" = (${oldest('FOR UPDATE')}) AND ${READY} RETURNING "id"`, [assignee]),
  // Reads without a lock, and writes where nobody was faster.
  optimistic: async (client, assignee) => {
    const id = await one(client, oldest(''), []);
    return id && one(client, `${TAKE} WHERE "id" = $2 AND ${READY} RETURNING "id"`, [assignee, id]);
  },
  // As above, of any row: fewer meet, and who is ready longest is not served first.
  'optimistic-random': async (client, assignee) => {
    const id = await one(client, oldest('').replace('"readyAt"', 'random()'), []);
    return id && one(client, `${TAKE} WHERE "id" = $2 AND ${READY} RETURNING "id"`, [assignee, id]);
  },
  // One caller at a time in the pool.
  'advisory-lock': (client, assignee) =>
    inTransaction(client, async () => {
      await client.query('SELECT pg_advisory_xact_lock(1)');
      return one(client, `${TAKE} WHERE "id" = (${oldest('')}) RETURNING "id"`, [assignee]);
    }),
};

/** Why spares are claimed as they are: the ways that were not taken, in the same run. Quoted in src/db/claim.ts. */
export const claimVariants: Benchmark = {
  name: 'claimVariants',
  async run(kit) {
    const { pool, imageId, orders } = await claimsOn(kit, 'claim_variants', CALLERS);
    const shared = orders();
    const alone = Array.from({ length: CALLERS }, orders);
    const ways: Record<string, (caller: number, assignee: string) => Promise<string | null>> = {
      ...Object.fromEntries(Object.entries(WAYS).map(([name, way]) => [name, byClient(pool, way)])),
      // With its assignment, its event and the lock that orders the log.
      'order-each-its-transaction': (caller, assignee) => (alone[caller] as typeof shared)(assignee),
      'orders-share-transactions': (_caller, assignee) => shared(assignee),
    };

    const rates = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
    for (let round = 0; round <= ROUNDS; round++)
      for (const [name, way] of Object.entries(ways)) {
        await seedSpares(pool, imageId, CLAIMS + CALLERS);
        const rate = await claimAll(way);
        if (round > 0) rates.get(name)?.push(rate); // the first is to warm up
        kit.say(`${name}: ${rate.toFixed(0)}/s`);
      }
    const limit = rates.get('skip-locked') as number[];
    return [...rates].map(
      ([name, measured]): Finding => ({
        name: `claim-by-${name}`,
        what: `${CLAIMS} spares taken one by one by ${CALLERS} callers`,
        unit: 'claims/s',
        measured: figures(measured),
        limit: { what: 'skip-locked', ...figures(limit) },
        ratio: median(measured.map((rate, n) => rate / (limit[n] as number))),
        target: '',
      }),
    );
  },
};

/** As callers of a server do, each try takes whichever connection is free. */
function byClient(pool: pg.Pool, way: Way) {
  return async (_caller: number, assignee: string) => {
    const client = await pool.connect();
    try {
      return await way(client, assignee);
    } finally {
      client.release();
    }
  };
}

async function claimAll(way: (caller: number, assignee: string) => Promise<string | null>): Promise<number> {
  let taken = 0;
  let next = 0;
  const taker = async (caller: number) => {
    while (next < CLAIMS) {
      const assignee = `caller ${caller}, claim ${next++}`;
      while ((await way(caller, assignee)) === null);
      taken++;
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, (_, caller) => taker(caller)));
  if (taken !== CLAIMS) throw new Error(`${taken} of ${CLAIMS} were taken`);
  return (CLAIMS * 1000) / (performance.now() - begun);
}
