import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { Reads } from '../../src/db/reads.js';
import { Unavailable } from '../../src/domain/errors.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { gate } from '../support/gate.js';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, 8);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

const nap = (db: Db) => db.$queryRaw<unknown[]>`SELECT pg_sleep(0.02)::text`;

test('whoever asks for much has others wait for a few queries only: of other addresses, and of other operations', async () => {
  const reads = new Reads(db, 8);
  const greedy = reads.of('10.0.0.1');
  let done = 0;
  const much = Array.from({ length: 60 }, () => greedy(nap).then(() => done++));
  await reads.of('10.0.0.2')(nap);
  expect(done).toBeLessThan(10);
  await reads.of('10.0.0.1')(nap);
  expect(done).toBeLessThan(20);
  await Promise.all(much);
});

test('one operation, one address and all of them together have a part of the connections', async () => {
  const reads = new Reads(db, 8);
  let running = 0;
  let most = 0;
  const counted = async (db: Db) => {
    most = Math.max(most, ++running);
    await nap(db);
    running--;
  };
  const askMuch = (reader: ReturnType<Reads['of']>) => Array.from({ length: 10 }, () => reader(counted));
  const mostOf = async (...work: Promise<void>[]) => {
    most = 0;
    await Promise.all(work);
    return most;
  };
  expect(await mostOf(...askMuch(reads.of('10.0.0.1')))).toBe(1);
  expect(await mostOf(...[1, 2, 3].flatMap(() => askMuch(reads.of('10.0.0.1'))))).toBe(2);
  expect(await mostOf(...['1', '2', '3'].flatMap((n) => [...askMuch(reads.of(n)), ...askMuch(reads.of(n))]))).toBe(4);
});

test('a query that fails gives its place back', async () => {
  const reads = new Reads(db, 2);
  await expect(reads.of('10.0.0.1')((db) => db.$queryRaw`SELECT nonsense`)).rejects.toThrow('nonsense');
  await expect(reads.of('10.0.0.1')(nap)).resolves.toHaveLength(1);
});

test('a turn that does not come in time is a refusal, and the query is not made', async () => {
  const reads = new Reads(db, 2);
  const { open, opened } = gate();
  const held = reads.of('10.0.0.1')(() => opened);
  let isMade = false;
  const refused = reads.of('10.0.0.2')(async () => {
    isMade = true;
  });
  await expect(refused).rejects.toThrow(Unavailable);
  open();
  await held;
  await reads.of('10.0.0.1')(nap);
  expect(isMade).toBe(false);
}, 15_000);
