import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { leadOf } from '../../src/db/lead.js';
import { Leader } from '../../src/db/leader.js';
import { LOCKS } from '../../src/db/locks.js';
import { createWrite } from '../../src/db/write.js';
import { NotLeading } from '../../src/domain/lead.js';
import { RECONCILER } from '../../src/domain/principal.js';
import { createLog } from '../../src/log.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { gate } from '../support/gate.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';

const never = new AbortController().signal;
const log = createLog('silent');

let database: TestDatabase;
let db: Db;
let leaders: Leader[];
beforeEach(async () => {
  leaders = [];
  database = await createTestDatabase();
  db = openDatabase(database.url);
});
afterEach(async () => {
  for (const leader of leaders) await leader.stop();
  await db.$disconnect();
  await database.drop();
});

/** A server that takes part; it leads while its last term is not over. */
function aServer() {
  const terms: { term: bigint; over: AbortSignal }[] = [];
  const leader = new Leader({
    url: database.url,
    log,
    lead: async (term, over) => {
      terms.push({ term, over });
      return async () => {};
    },
  });
  leader.start();
  leaders.push(leader);
  return { leader, terms };
}
const sessionOfLeader = `pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCKS.leader % 2n ** 32n} AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`;

test('the next term begins when the session of the last one ends, and its number is higher', async () => {
  const one = aServer();
  await until('it leads', async () => one.terms.length === 1);
  const two = aServer();
  const [first] = one.terms;
  await leadOf(db, first?.term ?? 0n, never).confirm();

  await db.$executeRawUnsafe(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${sessionOfLeader}`);

  const next = await until('a new term begins', async () =>
    [...one.terms, ...two.terms].find(({ term }) => term === 2n),
  );
  await until('the first one knows', async () => first?.over.aborted);
  await expect(leadOf(db, 1n, never).confirm()).rejects.toThrow(NotLeading);
  await leadOf(db, 2n, never).confirm();
  // Known here before the database is asked.
  await expect(leadOf(db, 2n, AbortSignal.abort()).confirm()).rejects.toThrow(NotLeading);
  expect(next.over.aborted).toBe(false);
});

test('a leader that is heard keeps its session, for longer than Postgres allows silence', async () => {
  const one = aServer();
  await until('it leads', async () => one.terms.length === 1);
  const [found] = await db.$queryRawUnsafe<{ pid: number }[]>(
    `SELECT pid FROM pg_stat_activity WHERE ${sessionOfLeader}`,
  );
  expect(found).toBeDefined();
  // As long as it is heard it stays, longer than the silence that is allowed.
  await expect(
    until('it loses the lead', async () => one.terms[0]?.over.aborted || one.terms.length > 1, 8_000),
  ).rejects.toThrow('it loses the lead');
});

test('what an old term writes is refused, and nothing of it stays', async () => {
  const { id } = await aVm(db);
  const old = createWrite(db, () => {}, { term: 0n })(RECONCILER);
  await old((tx) => tx.vm.update({ where: { id }, data: { reason: 'by the leader' } }));
  await db.leaderTerm.update({ where: { id: 1 }, data: { term: { increment: 1 } } });

  await expect(old((tx) => tx.vm.update({ where: { id }, data: { reason: 'too late' } }))).rejects.toThrow(NotLeading);

  expect(await db.vm.findUniqueOrThrow({ where: { id } })).toMatchObject({ reason: 'by the leader' });
  expect(await db.event.count()).toBe(0);
});

test('a transaction of the old term that stands still, as in a frozen process, does not hold up the next term, and is undone', async () => {
  const { id } = await aVm(db);
  const standsStill = gate();
  const begun = gate();
  const old = createWrite(db, () => {}, { term: 0n })(RECONCILER)(async (tx) => {
    await tx.vm.update({ where: { id }, data: { reason: 'too late' } });
    begun.open();
    await standsStill.opened;
  });
  old.catch(() => {});
  await begun.opened;
  const since = Date.now();

  const one = aServer();
  await until('the next term begins', async () => one.terms.length === 1);

  expect(Date.now() - since).toBeLessThan(9_000);
  standsStill.open();
  await expect(old).rejects.toThrow();
  expect(await db.vm.findUniqueOrThrow({ where: { id } })).toMatchObject({ reason: null });
});
