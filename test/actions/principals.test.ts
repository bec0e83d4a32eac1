import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { contextOf } from '../../src/actions/context.js';
import { createVm } from '../../src/actions/vm/createVm.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import type { Principal } from '../../src/domain/principal.js';
import { anImage, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => world.empty());
afterAll(() => world.close());

const ada: Principal = { actor: 'api', id: 'key-1', name: 'ada' };
const bob: Principal = { actor: 'api', id: 'key-2', name: 'bob' };
const as = (principal: Principal) =>
  contextOf(world.actions, { principal, address: '127.0.0.1' }, new AbortController().signal);
const madeBy = ({ id, name }: Principal) => ({ principalId: id, principalName: name });
const lastEvent = () => world.db.event.findFirstOrThrow({ orderBy: { seq: 'desc' } });

test('what somebody asks for names them, in its row and in its events', async () => {
  await anImage(world.db);
  const vm = await createVm(as(ada), { vmType: '11' });
  if (vm instanceof Error) throw vm;

  expect(await world.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).toMatchObject(madeBy(ada));
  expect(await lastEvent()).toMatchObject({ kind: 'VM_REQUESTED', actor: 'api', ...madeBy(ada) });

  await releaseVm(as(bob), { id: vm.id });
  expect(await lastEvent()).toMatchObject({ kind: 'VM_RELEASING', actor: 'api', ...madeBy(bob) });
});

test('a command names who ran it', async () => {
  const vm = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'job' });
  await runCommand(as(bob), { vmId: vm.id, command: 'ver' });

  expect(await world.db.command.findFirstOrThrow()).toMatchObject(madeBy(bob));
});

test('of orders that share a transaction, each is the one who gave it', async () => {
  for (let n = 0; n < 4; n++) await aVm(world.db);
  const ask = (by: Principal) => world.placeOrder({ vmType: '11', assignedTo: by.name }, by);
  await Promise.all([ask(ada), ask(bob), ask(ada), ask(bob)]);

  const assignments = await world.db.assignment.findMany();
  expect(assignments.map(({ assignedTo, principalName }) => `${assignedTo} by ${principalName}`).toSorted()).toEqual([
    'ada by ada',
    'ada by ada',
    'bob by bob',
    'bob by bob',
  ]);
  const events = await world.db.event.findMany({ where: { kind: 'VM_ASSIGNED' } });
  expect(events.map(({ principalId, data }) => [principalId, (data as { assignedTo: string }).assignedTo])).toEqual(
    expect.arrayContaining([
      [ada.id, ada.name],
      [bob.id, bob.name],
    ]),
  );
});

/** All that can be reached from this through what is not private. */
function reachable(from: object, found = new Set<object>()): Set<object> {
  if (found.has(from)) return found;
  found.add(from);
  for (const value of Object.values(from))
    if (typeof value === 'object' && value !== null) reachable(value as object, found);
  return found;
}

test('what an action works with leads to the database by `read` and `write` alone, which are of its caller', async () => {
  const context = as(ada);
  expect(reachable(context).has(world.feed)).toBe(true);
  expect([...reachable(context)].filter((one) => '$transaction' in one || 'writeAs' in one)).toEqual([]);

  expect(await context.read(async (db) => '$transaction' in db)).toBe(true);
  await context.write(async (_tx, tell) => tell({ kind: 'POOL_CHANGED', vmType: '11' }));
  expect(await lastEvent()).toMatchObject({ kind: 'POOL_CHANGED', ...madeBy(ada) });
});

const src = fileURLToPath(new URL('../../src/', import.meta.url));
const filesIn = (...rooms: string[]) =>
  rooms.flatMap((room) =>
    readdirSync(`${src}${room}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${room}/${file}`)
      .toSorted(),
  );
const textOf = (file: string) => readFileSync(`${src}${file}`, 'utf8');

test('nothing is written or read for a caller of whom nobody knows who it is', () => {
  // Both come out of one door, which wants to know: `contextOf` in actions/context.ts.
  const opening = filesIn('actions', 'graphql', 'rest').filter((file) =>
    /\bwriteAs\b|\breads\.of\(|new Reads\b|createWrite\b/.test(textOf(file)),
  );
  expect(opening).toEqual(['actions/assignment/orders.ts', 'actions/context.ts']);

  const takingContexts = filesIn('graphql', 'rest').filter((file) => /\bcontextOf\(/.test(textOf(file)));
  expect(takingContexts).toEqual(['graphql/transport/yoga.ts', 'rest/rest.ts']);
  for (const file of takingContexts) expect(textOf(file)).toMatch(/\bcallers?\b/);

  const owners = filesIn('graphql', 'rest').filter((file) =>
    /import .*\b(openDatabase|createLoaders)\b/.test(textOf(file)),
  );
  expect(owners).toEqual(['graphql/transport/yoga.ts']);
});
