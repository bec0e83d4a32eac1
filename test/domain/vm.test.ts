import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Machine,
  VM_EVENTS,
  VM_STATUSES,
  type VmEvent,
  type VmStatus,
  vmActions,
  vmStep,
  vmTransition,
} from '../../src/domain/vm.js';

const allowed: Record<VmStatus, Partial<Record<VmEvent, VmStatus>>> = {
  REQUESTED: { STARTED: 'BOOTING', GUEST_READY: 'READY', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  BOOTING: { GUEST_READY: 'READY', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  READY: { CLAIMED: 'ASSIGNED', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  ASSIGNED: { BROKE: 'FAILED', RELEASED: 'RELEASING' },
  RELEASING: { GONE: 'DESTROYED' },
  FAILED: {},
  DESTROYED: {},
};

describe('the transitions of a VM', () => {
  for (const status of VM_STATUSES) {
    for (const event of VM_EVENTS) {
      const to = allowed[status][event];
      test(`${event} in ${status} ${to ? `leads to ${to}` : 'is refused'}`, () =>
        expect(vmTransition(status, event)).toBe(to));
    }
  }

  test('whatever happens in whatever order, a VM that is released or broken never comes back', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...VM_EVENTS)), (events) => {
        let status: VmStatus = 'REQUESTED';
        let over = false;
        for (const event of events) {
          status = vmTransition(status, event) ?? status;
          if (over) expect(['RELEASING', 'DESTROYED', 'FAILED']).toContain(status);
          over ||= ['RELEASING', 'DESTROYED', 'FAILED'].includes(status);
        }
      }),
    );
  });
});

test('what a caller may ask follows from the transitions', () => {
  expect(VM_STATUSES.map((status) => [status, vmActions(status)])).toEqual([
    ['REQUESTED', ['DESTROY']],
    ['BOOTING', ['DESTROY']],
    ['READY', ['DESTROY']],
    ['ASSIGNED', ['RELEASE', 'DESTROY']],
    ['RELEASING', []],
    ['DESTROYED', []],
    ['FAILED', []],
  ]);
});

describe('the next step of a VM', () => {
  const now = new Date('2026-01-01T00:10:00Z');
  const machines: Record<string, Machine | undefined> = {
    none: undefined,
    created: { engineId: 'c', state: 'created' },
    running: { engineId: 'c', state: 'running' },
    exited: { engineId: 'c', state: 'exited', exitCode: 88 },
  };
  const expected: Record<VmStatus, Record<keyof typeof machines, string>> = {
    REQUESTED: { none: 'start', created: 'start', running: 'start', exited: 'start' },
    BOOTING: { none: 'record BROKE', created: 'record BROKE', running: 'probe', exited: 'record BROKE' },
    READY: { none: 'record BROKE', created: 'record BROKE', running: 'nothing', exited: 'record BROKE' },
    ASSIGNED: { none: 'record BROKE', created: 'record BROKE', running: 'nothing', exited: 'record BROKE' },
    RELEASING: { none: 'clean', created: 'clean', running: 'clean', exited: 'clean' },
    FAILED: { none: 'clean', created: 'clean', running: 'clean', exited: 'clean' },
    DESTROYED: { none: 'nothing', created: 'nothing', running: 'nothing', exited: 'nothing' },
  };
  for (const status of VM_STATUSES) {
    for (const [name, machine] of Object.entries(machines)) {
      test(`${status} with ${name === 'none' ? 'no container' : `a ${name} container`}: ${expected[status][name]}`, () => {
        const step = vmStep(
          { status, changedAt: now, cleanedAt: null },
          machine,
          now,
          60_000,
          (code) => `code ${code}`,
        );
        expect(step.do === 'record' ? `record ${step.event}` : step.do).toBe(expected[status][name]);
      });
    }
  }

  test('a guest that is not ready in time breaks, with the limit in the reason', () => {
    const changedAt = new Date(now.getTime() - 60_001);
    const step = vmStep({ status: 'BOOTING', changedAt, cleanedAt: null }, machines.running, now, 60_000, String);
    expect(step).toEqual({ do: 'record', event: 'BROKE', reason: 'the guest was not ready within 60 s' });
  });

  test('the reason of a container that ended is in words', () => {
    const step = vmStep(
      { status: 'READY', changedAt: now, cleanedAt: null },
      machines.exited,
      now,
      1,
      (code) => `KVM (${code})`,
    );
    expect(step).toMatchObject({ reason: 'its container ended: KVM (88)' });
  });

  test('a failed VM that is cleaned up rests', () => {
    expect(vmStep({ status: 'FAILED', changedAt: now, cleanedAt: now }, undefined, now, 1, String)).toEqual({
      do: 'nothing',
    });
  });
});
