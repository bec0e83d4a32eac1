import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { allocatePort } from '../../src/db/ports.js';
import { createWrite, type Write } from '../../src/db/write.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { anImage, aVm } from '../support/rows.js';

let database: TestDatabase;
let db: Db;
let write: Write;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  write = createWrite(db, () => {});
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
  test('a VM that is gone and holds a port', () =>
    expect(aVm(db, { status: 'DESTROYED', port: 9000 })).rejects.toThrow('Vm_cleaned_has_no_port'));
  test('a live VM whose disk is gone', () =>
    expect(aVm(db, { cleanedAt: new Date() })).rejects.toThrow('Vm_cleaned_is_over'));
  test('two VMs on one port', async () => {
    await aVm(db, { port: 9001 });
    await expect(aVm(db, { port: 9001 })).rejects.toThrow('Unique constraint');
  });
  test('two current images of one vmType', async () => {
    await anImage(db, { vmType: '10' });
    await expect(anImage(db, { vmType: '10', current: true })).rejects.toThrow('Unique constraint');
  });
  test('a current image that is not ready', () =>
    expect(anImage(db, { vmType: '8', status: 'FAILED', current: true })).rejects.toThrow(
      'GoldenImage_current_is_ready',
    ));
  test('two live assignments of one VM', async () => {
    const { id: vmId } = await aVm(db);
    const assignment = { vmType: '11', assignedTo: 'a', status: 'FULFILLED', vmId, fulfilledAt: new Date() } as const;
    await db.assignment.create({ data: { ...assignment, id: crypto.randomUUID() } });
    await expect(db.assignment.create({ data: { ...assignment, id: crypto.randomUUID() } })).rejects.toThrow(
      'Unique constraint',
    );
  });
  test('an assignment to nobody', () =>
    expect(db.assignment.create({ data: { id: crypto.randomUUID(), vmType: '11', assignedTo: '' } })).rejects.toThrow(
      'assignedTo_is_said',
    ));
});

describe('ports', () => {
  test('are unique over VMs and golden images, however many ask at once, and end with a clear answer', async () => {
    const machines = await Promise.all([
      ...Array.from({ length: 8 }, async () => ({ kind: 'vm' as const, id: (await aVm(db)).id })),
      ...Array.from({ length: 4 }, async (_, n) => ({
        kind: 'golden' as const,
        id: (await anImage(db, { vmType: '7', version: 100 + n, current: false })).id,
      })),
    ]);
    const ports = await Promise.all(
      machines.map((machine) => allocatePort(write, machine, { start: 9100, end: 9109 }, [9105])),
    );
    const given = ports.filter((port) => port !== undefined);
    expect(given.toSorted((a, b) => a - b)).toEqual([9100, 9101, 9102, 9103, 9104, 9106, 9107, 9108, 9109]);
    expect(ports.filter((port) => port === undefined)).toHaveLength(3);
  });

  test('a machine keeps its port, unless that is to be skipped', async () => {
    const machine = { kind: 'vm', id: (await aVm(db)).id } as const;
    const range = { start: 9200, end: 9210 };
    expect(await allocatePort(write, machine, range, [])).toBe(9200);
    expect(await allocatePort(write, machine, range, [])).toBe(9200);
    expect(await allocatePort(write, machine, range, [9200])).toBe(9201);
  });
});
