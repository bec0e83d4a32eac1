import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INSTALL_PHASES } from '../../src/domain/image.js';
import {
  advance,
  DEFAULT_INSTALL_MS,
  estimateReadyAt,
  type InstallNote,
  type InstallState,
  SPANS,
  withPercent,
} from '../../src/domain/installProgress.js';

const MINUTE_MS = 60_000;
const begun = new Date('2026-01-01T10:00:00Z');
const later = (ms: number) => new Date(begun.getTime() + ms);
const fresh: InstallState = { phase: null, progress: null, message: null, progressedAt: null };

/** The row as noteProgress leaves it. */
function hear(
  state: InstallState,
  note: InstallNote,
  now: Date,
  typicalMs?: number,
): InstallState & { moved: boolean } {
  const { moved, ...shown } = advance(state, note, now, typicalMs);
  return { ...shown, progressedAt: moved ? now : state.progressedAt, moved };
}

const anyNote = fc.record({
  phase: fc.constantFrom(...INSTALL_PHASES),
  share: fc.oneof(fc.constant(null), fc.double(), fc.double({ min: 0, max: 1, noNaN: true })),
  message: fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'binary', maxLength: 3000 })),
});
const anyTime = fc.integer({ min: -MINUTE_MS, max: 600 * MINUTE_MS });

describe('the progress of an installation', () => {
  test('never goes back and stays within its phase, whatever is heard and whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyNote, anyTime), { maxLength: 30 }),
        fc.integer({ min: 0, max: 600 * MINUTE_MS }),
        (heard, typicalMs) => {
          let state = fresh;
          let top = 0;
          for (const [note, ms] of heard) {
            const before = state.progress ?? 0;
            state = hear(state, note, later(ms), typicalMs);
            top = Math.max(top, SPANS[note.phase][1]);
            expect(state.progress).toBeGreaterThanOrEqual(before);
            expect(state.progress).toBeLessThanOrEqual(top);
            expect(state.message?.length).toBeLessThanOrEqual(1000);
            expect(state.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
          }
        },
      ),
    );
  });

  test('the phases follow each other without a gap, and the last hundredth is left for sealing', () => {
    const spans = INSTALL_PHASES.map((phase) => SPANS[phase]);
    expect(spans.map(([from]) => from)).toEqual([0, ...spans.slice(0, -1).map(([, to]) => to)]);
    expect(spans.at(-1)?.[1]).toBe(0.99);
  });

  test('the share of a phase is a share of its part', () => {
    const state = hear(fresh, { phase: 'DOWNLOADING', share: 0.5, message: 'Downloading (50%)' }, begun);
    expect(state).toMatchObject({ phase: 'DOWNLOADING', progress: 0.22, message: 'Downloading (50%)', moved: true });
  });

  test('a download that is tried again shows so, and the progress stays', () => {
    const far = hear(fresh, { phase: 'BUILDING', share: 0.5, message: 'Building' }, begun);
    const again = hear(far, { phase: 'DOWNLOADING', share: 0.1, message: 'Downloading' }, later(1000));
    expect(again).toMatchObject({ phase: 'DOWNLOADING', message: 'Downloading', progress: far.progress, moved: true });
  });

  test('the silent setup creeps with the time, past its usual time ever slower, and that is no move', () => {
    const silent: InstallNote = { phase: 'SETUP', share: null, message: 'Windows is being set up' };
    const start = hear(fresh, silent, begun);
    expect(start).toMatchObject({ progress: 0.5, moved: true });
    const at = (minutes: number) => advance(start, silent, later(minutes * MINUTE_MS));
    // 0.35 of 35 minutes.
    expect([3, 6, 9, 12.25, 20, 600].map((minutes) => at(minutes).progress)).toEqual([
      0.58, 0.67, 0.75, 0.81, 0.84, 0.85,
    ]);
    expect(at(600).moved).toBe(false);
  });

  test('it creeps by what earlier installations took', () => {
    const silent: InstallNote = { phase: 'SETUP', share: null, message: 'Windows is being set up' };
    const start = hear(fresh, silent, begun);
    const at = (typicalMs: number) => advance(start, silent, later(5 * MINUTE_MS), typicalMs).progress;
    expect(at(2 * DEFAULT_INSTALL_MS)).toBeLessThan(at(DEFAULT_INSTALL_MS));
  });

  test('a download of unknown size, which says a new amount each second, moves on', () => {
    let state: InstallState = fresh;
    for (let second = 0; second < 600; second++) {
      state = hear(
        state,
        { phase: 'DOWNLOADING', share: null, message: `Downloading (${second} MB)` },
        later(second * 1000),
      );
    }
    expect(state.progress).toBeGreaterThan(0.2);
    expect(state.progress).toBeLessThan(0.4);
  });

  test('what waits for room does not creep', () => {
    const waits: InstallNote = { phase: 'PULLING', share: null, message: 'waiting: no memory', runs: false };
    const state = hear(fresh, waits, begun);
    expect(advance(state, waits, later(600 * MINUTE_MS))).toMatchObject({ progress: 0, moved: false });
  });

  test('once the guest speaks, the page that is gone says nothing any more', () => {
    const step = hear(fresh, { phase: 'CONFIGURING', share: 0.5, message: 'Install Office' }, begun);
    expect(step.progress).toBe(0.92);
    const page = advance(step, { phase: 'SETUP', share: null, message: 'Windows is being set up' }, later(MINUTE_MS));
    expect(page).toEqual({ phase: 'CONFIGURING', progress: 0.92, message: 'Install Office', moved: false });
  });

  test('the same step with more of it done is a move, the same again is none', () => {
    const step = hear(fresh, { phase: 'CONFIGURING', share: 0.2, message: 'Updates' }, begun);
    expect(advance(step, { phase: 'CONFIGURING', share: 0.4, message: 'Updates' }, later(1)).moved).toBe(true);
    expect(advance(step, { phase: 'CONFIGURING', share: 0.2, message: 'Updates' }, later(1)).moved).toBe(false);
  });

  test('the share stands behind the message, as the image writes it', () => {
    expect(withPercent('Downloading Windows 11', 0.1234)).toBe('Downloading Windows 11 (12.3%)');
    expect(withPercent('Downloading Windows 11', null)).toBe('Downloading Windows 11');
  });
});

describe('when an image may be ready', () => {
  const earlier = { installMs: 30 * MINUTE_MS, readyMs: 32 * MINUTE_MS };
  const at = (minutes: number, progress: number | null, status: 'INSTALLING' | 'SEALING' = 'INSTALLING') => {
    const ready = estimateReadyAt({ status, startedAt: begun, progress }, earlier, later(minutes * MINUTE_MS));
    return ready && (ready.getTime() - begun.getTime()) / MINUTE_MS;
  };

  test('nothing is known without an earlier one, before it starts and when it is over', () => {
    expect(
      estimateReadyAt({ status: 'INSTALLING', startedAt: begun, progress: 0.5 }, undefined, begun),
    ).toBeUndefined();
    expect(estimateReadyAt({ status: 'REQUESTED', startedAt: null, progress: null }, earlier, begun)).toBeUndefined();
    expect(estimateReadyAt({ status: 'READY', startedAt: begun, progress: null }, earlier, begun)).toBeUndefined();
  });

  test('as long as the ones before it took, and later when it is slower', () => {
    expect(at(0, 0)).toBe(32);
    expect(at(10, 0.5)).toBe(32);
    expect(at(40, 0.5)).toBe(57);
    expect(at(20, 1, 'SEALING')).toBe(32);
  });

  test('never in the past', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000 }),
        fc.option(fc.double()),
        fc.constantFrom('INSTALLING' as const, 'SEALING' as const),
        (minutes, progress, status) => {
          expect(at(minutes, progress, status)).toBeGreaterThanOrEqual(minutes);
        },
      ),
    );
  });
});
