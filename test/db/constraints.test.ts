import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { allotEndpoint } from '../../src/db/endpoints.js';
import { createWrite, type Write } from '../../src/db/write.js';
import { RECONCILER } from '../../src/domain/principal.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { aLine, anImage, aPool, aVm } from '../support/rows.js';

let database: TestDatabase;
let db: Db;
let write: Write;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  write = createWrite(db, () => {})(RECONCILER);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

describe('what the rows may not say, the database refuses', () => {
  test('an assigned VM without an assignee', () =>
    expect(aVm(db, { status: 'ASSIGNED', assignedTo: null })).rejects.toThrow('Vm_assigned_has_assignee'));
  test('a failure without a reason', () =>
    expect(aVm(db, { status: 'FAILED', reason: null })).rejects.toThrow('Vm_failed_has_reason'));
  test('a destroyed VM whose disk may still be there', () =>
    expect(aVm(db, { status: 'DESTROYED', cleanedAt: null })).rejects.toThrow('Vm_destroyed_is_cleaned'));
  test('a VM that is gone and holds an endpoint', () =>
    expect(aVm(db, { status: 'DESTROYED', endpoint: '9000' })).rejects.toThrow('Vm_cleaned_has_no_endpoint'));
  test('a live VM whose disk is gone', () =>
    expect(aVm(db, { cleanedAt: new Date() })).rejects.toThrow('Vm_cleaned_is_over'));
  test('two VMs at one endpoint', async () => {
    await aVm(db, { endpoint: '9001' });
    await expect(aVm(db, { endpoint: '9001' })).rejects.toThrow('Unique constraint');
  });
  test('two current images of one line', async () => {
    await anImage(db, { vmType: '10' });
    await expect(anImage(db, { vmType: '10', current: true })).rejects.toThrow('Unique constraint');
  });
  test('a current image that is not ready', () =>
    expect(anImage(db, { vmType: '8', status: 'FAILED', current: true })).rejects.toThrow(
      'GoldenImage_current_is_ready',
    ));
  test('two live assignments of one VM', async () => {
    const { id: vmId, poolId } = await aVm(db);
    const assignment = {
      poolId,
      vmType: '11',
      assignedTo: 'a',
      status: 'FULFILLED',
      vmId,
      fulfilledAt: new Date(),
    } as const;
    await db.assignment.create({ data: { ...assignment, id: crypto.randomUUID() } });
    await expect(db.assignment.create({ data: { ...assignment, id: crypto.randomUUID() } })).rejects.toThrow(
      'Unique constraint',
    );
  });
  test('an assignment to nobody', () => {
    const nobody = { id: crypto.randomUUID(), poolId: crypto.randomUUID(), vmType: '11', assignedTo: '' };
    return expect(db.assignment.create({ data: nobody })).rejects.toThrow('assignedTo_is_said');
  });
  test('a pool or a golden image of another vmType than its line', async () => {
    const { id: lineId } = await aLine(db);
    await expect(aPool(db, { name: 'of-ten', vmType: '10', lineId })).rejects.toThrow('Pool_lineId_vmType_fkey');
    await expect(anImage(db, { vmType: '10', lineId })).rejects.toThrow('GoldenImage_lineId_vmType_fkey');
  });
});

describe('endpoints', () => {
  test('are unique over VMs and golden images, however many ask at once, and end with a clear answer', async () => {
    const machines = await Promise.all([
      ...Array.from({ length: 8 }, async () => ({ kind: 'vm' as const, id: (await aVm(db, { endpoint: null })).id })),
      ...Array.from({ length: 4 }, async (_, n) => ({
        kind: 'golden' as const,
        id: (await anImage(db, { vmType: '7', version: 100 + n, current: false })).id,
      })),
    ]);
    const ids = ['nine', 'eight', 'seven', 'six', 'five', 'four', 'three', 'two', 'one', 'none'];
    const allotted = await Promise.all(machines.map((machine) => allotEndpoint(write, machine, ids, ['five'])));
    const given = allotted.filter((endpoint) => endpoint !== undefined);
    expect(given.toSorted()).toEqual(ids.filter((id) => id !== 'five').toSorted());
    expect(allotted.filter((endpoint) => endpoint === undefined)).toHaveLength(3);
  });

  test('are given in the order of the list; a machine keeps its own, unless that is to be skipped', async () => {
    const machine = { kind: 'vm', id: (await aVm(db, { endpoint: null })).id } as const;
    const ids = ['b', 'c', 'a'];
    expect(await allotEndpoint(write, machine, ids, [])).toBe('b');
    expect(await allotEndpoint(write, machine, ids, [])).toBe('b');
    expect(await allotEndpoint(write, machine, ids, ['b'])).toBe('c');
  });
});
