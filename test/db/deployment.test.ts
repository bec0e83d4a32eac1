import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { getDeployment, guestToken, machineOfToken } from '../../src/db/deployment.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

test('servers that start together agree on one deployment, and keep it', async () => {
  const all = await Promise.all([1, 2, 3, 4].map(() => getDeployment(db, 'docker')));
  expect(new Set(all.map(({ name }) => name)).size).toBe(1);
  expect(await getDeployment(db, 'docker')).toEqual(all[0]);
});

test('a simulated server does not take over the database of a real one, whose VMs would all seem gone', async () => {
  await expect(getDeployment(db, 'simulated')).rejects.toThrow('VAPIORC_STORAGE_PATH');
});

test('a guest’s token is good for its own machine and no other', async () => {
  const deployment = await getDeployment(db, 'docker');
  const token = guestToken(deployment, 'one');
  expect(machineOfToken(deployment, token)).toBe('one');
  expect(machineOfToken(deployment, token.replace('one', 'two'))).toBeUndefined();
  expect(machineOfToken({ ...deployment, guestSecret: 'other' }, token)).toBeUndefined();
  for (const odd of ['', '.', 'one', 'one.', `${token}x`]) expect(machineOfToken(deployment, odd)).toBeUndefined();
});
