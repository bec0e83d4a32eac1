import { describe, expect, test } from 'vitest';
import {
  IMAGE_EVENTS,
  IMAGE_STATUSES,
  type ImageEvent,
  type ImageStatus,
  imageActions,
  imageStep,
  imageTransition,
} from '../../src/domain/image.js';
import type { Machine } from '../../src/domain/vm.js';

const allowed: Record<ImageStatus, Partial<Record<ImageEvent, ImageStatus>>> = {
  REQUESTED: { STARTED: 'INSTALLING', INSTALLED: 'SEALING', BROKE: 'FAILED', DELETED: 'DELETED' },
  INSTALLING: { INSTALLED: 'SEALING', WAITS: 'REQUESTED', BROKE: 'FAILED', DELETED: 'DELETED' },
  SEALING: { SEALED: 'READY', BROKE: 'FAILED', DELETED: 'DELETED' },
  READY: { RETIRED: 'RETIRED' },
  RETIRED: { DELETED: 'DELETED' },
  DELETED: {},
  FAILED: { DELETED: 'DELETED' },
};

describe('the transitions of a golden image', () => {
  for (const status of IMAGE_STATUSES) {
    for (const event of IMAGE_EVENTS) {
      const to = allowed[status][event];
      test(`${event} in ${status} ${to ? `leads to ${to}` : 'is refused'}`, () =>
        expect(imageTransition(status, event)).toBe(to));
    }
  }
});

test('what a caller may ask follows from the status', () => {
  expect(IMAGE_STATUSES.map((status) => [status, imageActions(status, false)])).toEqual([
    ['REQUESTED', ['DELETE']],
    ['INSTALLING', ['MARK_READY', 'DELETE']],
    ['SEALING', ['DELETE']],
    ['READY', ['PROMOTE', 'RETIRE']],
    ['RETIRED', ['DELETE']],
    ['DELETED', []],
    ['FAILED', ['DELETE']],
  ]);
  expect(imageActions('READY', true)).toEqual(['RETIRE']);
});

describe('the next step of a golden image', () => {
  const now = new Date('2026-01-01T10:00:00Z');
  const running: Machine = { engineId: 'c', state: 'running' };
  const ended = (exitCode: number): Machine => ({ engineId: 'c', state: 'exited', exitCode });
  const step = (status: ImageStatus, machine: Machine | undefined, changedAt = now, hasAgent = true) =>
    imageStep({ status, changedAt, cleanedAt: null }, machine, now, 3_600_000, (code) => `code ${code}`, hasAgent);

  test('an installation is watched while its container runs', () =>
    expect(step('INSTALLING', running)).toEqual({ do: 'watch' }));
  test('a guest without an agent that shut itself down has installed', () =>
    expect(step('INSTALLING', ended(0), now, false)).toEqual({ do: 'record', event: 'INSTALLED' }));
  test('one with an agent that shut itself down without a word has not', () =>
    expect(step('INSTALLING', ended(0))).toEqual({
      do: 'record',
      event: 'BROKE',
      reason: 'its container ended before its guest said that all is installed: code 0',
    }));
  test('any other end breaks it', () =>
    expect(step('INSTALLING', ended(68))).toEqual({
      do: 'record',
      event: 'BROKE',
      reason: 'its container ended: code 68',
    }));
  test('a container that vanished breaks it', () =>
    expect(step('INSTALLING', undefined)).toEqual({ do: 'record', event: 'BROKE', reason: 'its container vanished' }));
  test('one whose folder was removed breaks, whatever its container does', () =>
    expect(step('INSTALLING', { ...running, diskGone: true })).toEqual({
      do: 'record',
      event: 'BROKE',
      reason: 'its folder was removed',
    }));
  test('an installation that hangs breaks after its limit', () =>
    expect(step('INSTALLING', running, new Date(now.getTime() - 3_600_001))).toMatchObject({ event: 'BROKE' }));

  const waiting: Machine = { engineId: 'c', state: 'waiting', reason: 'no room' };
  const lost: Machine = { engineId: 'c', state: 'lost', reason: 'its host is away' };
  test('one that the engine makes wait is to be started anew, and has all the time of the world', () =>
    expect(step('INSTALLING', waiting, new Date(now.getTime() - 3_600_001))).toEqual({
      do: 'wait',
      reason: 'the engine makes it wait: no room',
    }));
  test.each(['REQUESTED', 'INSTALLING', 'SEALING'] as const)('one in %s that is lost breaks', (status) =>
    expect(step(status, lost)).toEqual({
      do: 'record',
      event: 'BROKE',
      reason: 'the engine has lost it, and it may still run: its host is away',
    }),
  );

  for (const [status, what] of [
    ['REQUESTED', 'start'],
    ['SEALING', 'seal'],
    ['READY', 'nothing'],
    ['RETIRED', 'nothing'],
    ['DELETED', 'clean'],
    ['FAILED', 'clean'],
  ] as const) {
    const others = status === 'REQUESTED' || status === 'SEALING' ? [] : [lost];
    for (const machine of [undefined, running, waiting, ended(0), ...others]) {
      test(`${status} with ${machine?.state ?? 'no'} container: ${what}`, () =>
        expect(step(status, machine)).toEqual({ do: what }));
    }
  }
});
