import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backOffMs, type PoolVm, poolPlan } from '../../src/domain/pool.js';
import { VM_STATUSES } from '../../src/domain/vm.js';

const aVm = (over: Partial<PoolVm> = {}): PoolVm => ({
  id: 'a',
  status: 'READY',
  hotSpare: true,
  current: true,
  retired: false,
  cleanedAt: null,
  createdAt: new Date(0),
  ...over,
});
const plan = (vms: PoolVm[], over: { hotSpares?: number; maxVms?: number; queued?: number } = {}) =>
  poolPlan({ hotSpares: 2, maxVms: 10, queued: 0, vms, ...over });

describe('what a pool needs', () => {
  test('spares that are on their way count', () => {
    expect(plan([aVm({ status: 'REQUESTED' }), aVm({ id: 'b', status: 'BOOTING' })])).toEqual({
      short: 0,
      add: 0,
      retire: [],
    });
  });
  test('assigned and failed VMs are not spares', () => {
    expect(plan([aVm({ status: 'ASSIGNED', hotSpare: false }), aVm({ id: 'b', status: 'FAILED' })]).add).toBe(2);
  });
  test('each waiting assignment needs one more', () =>
    expect(plan([aVm(), aVm({ id: 'b' })], { queued: 3 }).add).toBe(3));
  test('maxVms bounds all that may hold a disk, failed ones not yet cleaned up included', () => {
    expect(plan([aVm({ status: 'FAILED' }), aVm({ id: 'b', status: 'RELEASING' })], { maxVms: 3 })).toMatchObject({
      short: 2,
      add: 1,
    });
  });
  test('a lowered target lets the newest go, those still booting first', () => {
    const vms = [aVm(), aVm({ id: 'b', createdAt: new Date(1) }), aVm({ id: 'c', status: 'BOOTING' })];
    expect(plan(vms, { hotSpares: 1 }).retire).toEqual(['c', 'b']);
  });
  test('spares of a replaced image stay until ready ones of the new image stand in for them', () => {
    const old = [aVm({ current: false }), aVm({ id: 'b', current: false })];
    expect(plan(old)).toEqual({ short: 2, add: 2, retire: [] });
    expect(plan([...old, aVm({ id: 'c' }), aVm({ id: 'd', status: 'BOOTING' })]).retire).toEqual(['a']);
    expect(plan([...old, aVm({ id: 'c' }), aVm({ id: 'd' })]).retire).toEqual(['a', 'b']);
  });
  test('where the quota is full, one spare of the replaced image makes room', () => {
    expect(plan([aVm({ current: false }), aVm({ id: 'b', current: false })], { maxVms: 2 })).toEqual({
      short: 2,
      add: 0,
      retire: ['a'],
    });
  });
  test('no second one makes room until the first has its successor', () => {
    const old = [aVm({ current: false }), aVm({ id: 'b', current: false })];
    const full = { hotSpares: 3, maxVms: 3 };
    expect(plan([...old, aVm({ id: 'c', current: false, status: 'RELEASING' })], full).retire).toEqual([]);
    expect(plan([...old, aVm({ id: 'd', status: 'BOOTING' })], full).retire).toEqual([]);
    expect(plan([...old, aVm({ id: 'd' })], full).retire).toEqual(['a']);
  });
  test('spares of a retired image go at once', () => {
    expect(plan([aVm({ current: false, retired: true })]).retire).toEqual(['a']);
  });
});

test('whatever the pool holds: never above maxVms, nothing retired that is assigned, and following the plan comes to rest', () => {
  const vm = fc.record({
    id: fc.uuid(),
    status: fc.constantFrom(...VM_STATUSES),
    hotSpare: fc.boolean(),
    current: fc.boolean(),
    retired: fc.constant(false),
    cleanedAt: fc.option(fc.constant(new Date(1))),
    createdAt: fc.date({ noInvalidDate: true }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(vm, { selector: (v) => v.id }),
      fc.nat(20),
      fc.nat(20),
      fc.nat(5),
      (vms, hotSpares, maxVms, queued) => {
        let now: PoolVm[] = vms;
        const live = () => now.filter((v) => v.cleanedAt === null).length;
        for (let round = 0; round < 100; round++) {
          const { add, retire } = poolPlan({ hotSpares, maxVms, queued, vms: now });
          for (const id of retire) {
            const gone = now.find((v) => v.id === id);
            expect(gone?.hotSpare).toBe(true);
            expect(['REQUESTED', 'BOOTING', 'READY']).toContain(gone?.status);
          }
          if (add > 0) expect(live() + add).toBeLessThanOrEqual(maxVms);
          if (add === 0 && retire.length === 0) return;
          const added = Array.from({ length: add }, (_, n) =>
            aVm({ id: `new-${round}-${n}`, createdAt: new Date(round) }),
          );
          now = [...now.filter((v) => !retire.includes(v.id)), ...added];
        }
        expect.fail('the plan does not come to rest');
      },
    ),
  );
});

test('the rest after failures doubles from 5 s to 10 min', () => {
  expect([0, 1, 2, 3, 8, 50].map(backOffMs)).toEqual([0, 5_000, 10_000, 20_000, 600_000, 600_000]);
});
