import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOrders } from '../../src/actions/assignment/orders.js';
import { openDatabase } from '../../src/db/client.js';
import { databaseAway } from '../../src/db/databaseAway.js';
import { createWrite } from '../../src/db/write.js';
import { LIMITS } from '../../src/domain/limits.js';
import { createLog } from '../../src/log.js';
import { migrate } from '../../src/postgres/migrate.js';
import { orders } from '../support/actions.js';
import { type DebianPostgres, startDebianPostgres } from '../support/debianPostgres.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';

const log = createLog('silent');
const MIGRATIONS = new URL('../../prisma/migrations', import.meta.url).pathname;
const CALLERS = 30;
/** Well above what one look at a dead connection takes, well below a proxy's patience. */
const LIMIT_MS = 45_000;

let postgres: DebianPostgres;
let url: string;
beforeAll(async () => {
  postgres = await startDebianPostgres();
  url = postgres.url('vapiorc');
  await migrate(url, MIGRATIONS, log);
});
afterAll(() => postgres?.stop());

test('while the database is frozen every caller is told so in time, and afterwards none of them holds a VM', {
  timeout: 180_000,
}, async () => {
  const db = openDatabase(url, 5);
  const stopped = new AbortController();
  const assignVm = orders(createOrders({ writeAs: createWrite(db, () => {}), stopped: stopped.signal }));
  for (let n = 0; n < CALLERS; n++) await aVm(db);
  const held = await assignVm({ vmType: '11', assignedTo: 'before' });

  postgres.freeze();
  const begun = performance.now();
  const answers = await Promise.allSettled(
    Array.from({ length: CALLERS }, (_, n) => assignVm({ vmType: '11', assignedTo: `caller ${n}` })),
  );
  const tookMs = performance.now() - begun;
  postgres.thaw();

  const faults = answers.map((answer) => (answer.status === 'rejected' ? databaseAway(answer.reason) : answer.value));
  expect(faults.map((fault) => (fault instanceof Error ? fault.message : fault))).toEqual(
    Array.from({ length: CALLERS }, () => 'the database does not answer'),
  );
  expect(tookMs).toBeLessThan(LIMIT_MS);
  // Whatever was under way when it froze has ended by then: a look that finds nothing to take back is the last but one.
  await until(
    'it answers again',
    () =>
      db.vm.count().then(
        () => true,
        () => false,
      ),
    30_000,
  );
  await until(
    'nothing is held but what was handed out',
    async () => (await db.vm.count({ where: { status: 'ASSIGNED' } })) === 1,
    60_000,
  );
  expect(held).toMatchObject({ status: 'FULFILLED' });
  expect(await assignVm({ vmType: '11', assignedTo: 'after' })).toMatchObject({ status: 'FULFILLED' });
  stopped.abort();
  await db.$disconnect();
});

test('a commit whose answer was lost is taken back; with a key it is kept', { timeout: 120_000 }, async () => {
  const db = openDatabase(url, 5);
  const writeAs = createWrite(db, () => {});
  const stopped = new AbortController();
  const losing = createOrders({
    // The transaction is committed, and what is told of that is lost on the way.
    writeAs: (by) => async (work) => {
      await writeAs(by)(work);
      throw new Error('Connection terminated unexpectedly');
    },
    stopped: stopped.signal,
  });
  const assignVm = orders(losing);
  const keeping = orders(createOrders({ writeAs, stopped: stopped.signal }));
  await aVm(db);
  await expect(assignVm({ vmType: '11', assignedTo: 'keyed', idempotencyKey: 'k' })).rejects.toThrow();
  await aVm(db);
  await expect(assignVm({ vmType: '11', assignedTo: 'told an error' })).rejects.toThrow();

  await until('it is taken back', async () => {
    const { status } = await db.assignment.findFirstOrThrow({ where: { assignedTo: 'told an error' } });
    return status === 'ENDED';
  });
  expect(await keeping({ vmType: '11', assignedTo: 'keyed', idempotencyKey: 'k' })).toMatchObject({
    status: 'FULFILLED',
  });
  stopped.abort();
  await db.$disconnect();
});

test('no more orders wait for the database than the limit says; the next is refused', async () => {
  const never = orders(createOrders({ writeAs: () => () => new Promise(() => {}) }));
  for (let n = 0; n <= LIMITS.ordersWaiting.value + 64; n++) void never({ vmType: '11', assignedTo: 'x' });
  // Past the batch that is under way, all wait.
  await new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 64; n++) void never({ vmType: '11', assignedTo: 'x' });
  expect(await never({ vmType: '11', assignedTo: 'x' })).toMatchObject({ code: 'UNAVAILABLE', part: 'database' });
});
