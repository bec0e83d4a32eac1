import type { Limit } from './limit.js';

/** What bounds the calls of guests. */
export const guestLimits = {
  guestCallsPerSecond: {
    what: 'calls of one guest',
    value: 50,
    unit: 'calls a second',
    refusal: 'HTTP 429',
  },
  guestStepsPerSecond: {
    what: 'steps of an installation that are written down, after the first 100',
    value: 1,
    unit: 'steps a second',
    refusal: 'the others are not written',
  },
  guestTokenCharacters: {
    what: 'a guest’s token',
    value: 200,
    unit: 'characters',
    refusal: 'HTTP 401',
  },
  guestBodyBytes: {
    what: 'the body of a guest’s call',
    value: 16 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 413',
  },
  guestResultBytes: {
    what: 'the body of a guest’s result, with the outputs that its share does not take',
    value: 512 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 413',
  },
  guestLines: {
    what: 'lines in the body of a guest’s call',
    value: 1_000,
    unit: 'lines',
    refusal: 'HTTP 400',
  },
  guestPollSeconds: {
    what: 'how long a poll of a guest waits',
    value: 30,
    unit: 'seconds',
    refusal: 'so long it waits',
  },
  guestPollIds: {
    what: 'commands that a guest may name in one poll',
    value: 200,
    unit: 'commands',
    refusal: 'HTTP 400',
  },
} as const satisfies Record<string, Limit>;
