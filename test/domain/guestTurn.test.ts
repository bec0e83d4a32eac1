import { describe, expect, test } from 'vitest';
import { type Caller, guestTurn, TELL_AGAIN_MS, type TurnCommand } from '../../src/domain/guestTurn.js';
import { LIMITS } from '../../src/domain/limits.js';

const NOW = Date.UTC(2026, 10, 23, 12);
const at = (agoMs: number) => new Date(NOW - agoMs);

const waits = (id: string): TurnCommand => ({
  id,
  status: 'QUEUED',
  session: null,
  startedAt: null,
  cancelRequestedAt: null,
});
const runs = (id: string, over: Partial<TurnCommand> = {}): TurnCommand => ({
  id,
  status: 'RUNNING',
  session: 'now',
  startedAt: at(60_000),
  cancelRequestedAt: null,
  ...over,
});
const caller = (running: string[] = [], over: Partial<Caller> = {}): Caller => ({
  session: 'now',
  running: new Set(running),
  calls: 1,
  toldAt: () => undefined,
  ...over,
});
const decide = (live: TurnCommand[], who: Caller) => guestTurn(live, who, NOW);

test('nothing to do', () => {
  expect(decide([], caller())).toEqual({ do: 'nothing' });
  expect(decide([runs('a')], caller(['a']))).toEqual({ do: 'nothing' });
});

test('what waits is run, while there is room', () => {
  expect(decide([runs('a'), waits('b')], caller(['a']))).toEqual({ do: 'run', id: 'b', again: false });
  const many = Array.from({ length: LIMITS.commandsAtOnce.value }, (_, n) => `r${n}`);
  expect(decide([...many.map((id) => runs(id)), waits('b')], caller(many))).toEqual({ do: 'nothing' });
});

describe('what was handed out and is not run', () => {
  test('is handed out again, but not at once', () => {
    expect(decide([runs('a', { startedAt: at(TELL_AGAIN_MS) })], caller())).toEqual({
      do: 'run',
      id: 'a',
      again: true,
    });
    expect(decide([runs('a', { startedAt: at(TELL_AGAIN_MS - 100) })], caller())).toEqual({
      do: 'nothing',
      againMs: 100,
    });
  });

  test('is not handed out twice in a moment', () => {
    const who = caller([], { toldAt: () => NOW - 1_000 });
    expect(decide([runs('a')], who)).toEqual({ do: 'nothing', againMs: TELL_AGAIN_MS - 1_000 });
  });

  test('does not hold up the others', () => {
    expect(decide([runs('a', { startedAt: at(0) }), waits('b')], caller())).toEqual({
      do: 'run',
      id: 'b',
      again: false,
    });
  });
});

describe('cancelled', () => {
  const cancelled = { cancelRequestedAt: at(10) };

  test('comes before what is to be run', () => {
    expect(decide([runs('a', cancelled), waits('b')], caller(['a']))).toEqual({ do: 'cancel', id: 'a' });
  });

  test('is told once, and again when nothing came of it', () => {
    const told = (agoMs: number) => caller(['a'], { toldAt: () => NOW - agoMs });
    expect(decide([runs('a', cancelled)], told(1_000))).toEqual({ do: 'nothing', againMs: TELL_AGAIN_MS - 1_000 });
    expect(decide([runs('a', cancelled)], told(TELL_AGAIN_MS))).toEqual({ do: 'cancel', id: 'a' });
  });

  test('is told also of what the guest does not run: it says that it is lost', () => {
    expect(decide([runs('a', cancelled)], caller())).toEqual({ do: 'cancel', id: 'a' });
  });
});

describe('what an earlier start of the agent ran', () => {
  const before = { session: 'before' };

  test('is given up when the agent of now has called twice and knows nothing of it', () => {
    expect(decide([runs('a', before)], caller())).toEqual({ do: 'nothing' });
    expect(decide([runs('a', before)], caller([], { calls: 2 }))).toEqual({ do: 'give up', id: 'a' });
  });

  test('is waited for while the agent has its result', () => {
    expect(decide([runs('a', before)], caller(['a'], { calls: 9 }))).toEqual({ do: 'nothing' });
  });

  test('is never run again', () => {
    expect(decide([runs('a', { ...before, startedAt: at(3_600_000) })], caller())).toEqual({ do: 'nothing' });
  });
});
