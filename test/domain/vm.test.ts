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
  BOOTING: { GUEST_READY: 'READY', WAITS: 'REQUESTED', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  READY: { CLAIMED: 'ASSIGNED', WAITS: 'REQUESTED', BROKE: 'FAILED', RELEASED: 'RELEASING' },
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
  const running = { engineId: 'c', state: 'running' } as const;
  const machines: Record<string, Machine | undefined> = {
    none: undefined,
    created: { engineId: 'c', state: 'created' },
    running,
    paused: { engineId: 'c', state: 'paused' },
    disconnected: { ...running, disconnected: true },
    diskless: { ...running, diskGone: true },
    exited: { engineId: 'c', state: 'exited', exitCode: 88 },
    waiting: { engineId: 'c', state: 'waiting', reason: 'no room' },
    lost: { engineId: 'c', state: 'lost', reason: 'its host is away' },
  };
  const gone = { none: 'record BROKE', created: 'record BROKE', exited: 'record BROKE', lost: 'record BROKE' };
  const whatever = (step: string) => Object.fromEntries(Object.keys(machines).map((name) => [name, step]));
  const expected: Record<VmStatus, Record<keyof typeof machines, string>> = {
    REQUESTED: { ...whatever('start'), lost: 'record BROKE' },
    BOOTING: { ...gone, waiting: 'wait', running: 'probe', paused: 'probe', disconnected: 'probe', diskless: 'probe' },
    READY: {
      ...gone,
      waiting: 'wait',
      running: 'nothing',
      paused: 'record BROKE',
      disconnected: 'record BROKE',
      diskless: 'record BROKE',
    },
    ASSIGNED: { ...gone, waiting: 'tell', running: 'nothing', paused: 'tell', disconnected: 'tell', diskless: 'tell' },
    RELEASING: { ...whatever('clean'), lost: 'tell' },
    FAILED: whatever('clean'),
    DESTROYED: whatever('nothing'),
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

  test('a READY VM of which nothing was heard is looked at, unless it is known to be of no use', () => {
    const facts = { status: 'READY', changedAt: now, cleanedAt: null, silentMs: 91_000 } as const;
    const step = (machine: Machine) => vmStep(facts, machine, now, 1, String);
    expect(step(running)).toEqual({ do: 'look', silentMs: 91_000 });
    expect(step({ ...running, state: 'paused' })).toEqual({
      do: 'record',
      event: 'BROKE',
      reason: 'its container is paused',
    });
  });

  test('the holder of an assigned VM is told what it lacks, each thing once, and when it is well again', () => {
    const step = (notReady: string | null, machine: Machine, silentMs?: number) =>
      vmStep({ status: 'ASSIGNED', changedAt: now, cleanedAt: null, notReady, silentMs }, machine, now, 1, String);
    const paused = { ...running, state: 'paused' } as const;
    expect(step(null, paused)).toEqual({ do: 'tell', reason: 'its container is paused' });
    expect(step('its container is paused', paused)).toEqual({ do: 'nothing' });
    expect(step('its container is paused', running, 91_000)).toEqual({
      do: 'tell',
      reason: 'its guest is not heard any more',
    });
    expect(step('its guest is not heard any more', running, 101_000)).toEqual({ do: 'nothing' });
    expect(step('its guest is not heard any more', running)).toEqual({ do: 'tell', reason: null });
  });

  const late = { changedAt: new Date(now.getTime() - 60_001), cleanedAt: null };

  test('a VM that the engine makes wait has all the time of the world, and its reason is said', () => {
    for (const status of ['BOOTING', 'READY'] as const)
      expect(vmStep({ status, ...late }, machines.waiting, now, 60_000, String)).toEqual({
        do: 'wait',
        reason: 'the engine makes it wait: no room',
      });
  });

  test('the reason of a VM that is lost says that it may still run; of one that leaves it is told once, then it is cleaned', () => {
    const reason = 'the engine has lost it, and it may still run: its host is away';
    const step = (status: VmStatus, notReady: string | null) =>
      vmStep({ status, ...late, notReady }, machines.lost, now, 60_000, String);
    expect(step('READY', null)).toEqual({ do: 'record', event: 'BROKE', reason });
    expect(step('RELEASING', null)).toEqual({ do: 'tell', reason });
    expect(step('RELEASING', reason)).toEqual({ do: 'clean' });
  });

  test('what a machine lacks while it boots is in the reason when its time is over', () => {
    const changedAt = new Date(now.getTime() - 60_001);
    const facts = { status: 'BOOTING', changedAt, cleanedAt: null } as const;
    expect(vmStep(facts, { ...running, disconnected: true }, now, 60_000, String)).toMatchObject({
      reason: 'the guest was not ready within 60 s: its container was taken out of the network of the VMs',
    });
  });

  test('a failed VM that is cleaned up rests', () => {
    expect(vmStep({ status: 'FAILED', changedAt: now, cleanedAt: now }, undefined, now, 1, String)).toEqual({
      do: 'nothing',
    });
  });
});
