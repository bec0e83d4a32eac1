import { parse } from 'graphql';
import { beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { SharedResults } from '../../src/graphql/transport/sharedResults.js';

let made: number;
let nowMs: number;
let results: SharedResults;
const document = parse('subscription { poolUpdated { vmType } }');
const asked = { document, of: '[]', event: '11', head: 7n };
const get = (over: Partial<typeof asked> = {}): object =>
  results.get({ ...asked, ...over }, () => ({ data: { n: ++made } }));
beforeEach(() => {
  made = 0;
  nowMs = 0;
  results = new SharedResults(() => nowMs);
});

describe('one result for all that ask the same', () => {
  test('at the same event, and until the next one', () => {
    for (let n = 0; n < 1_000; n++) expect(get()).toEqual({ data: { n: 1 } });
    get({ head: 8n });
    expect(made).toBe(2);
  });

  test.each([
    ['another document', { document: parse('subscription { poolUpdated { vmType } }') }],
    ['other variables', { of: '[{"vmType":"10"}]' }],
    ['another event', { event: '10' }],
  ])('not for %s', (_what, over) => {
    get();
    get(over);
    get();
    expect(made).toBe(2);
  });

  test('not for long: not every change has an event', () => {
    get();
    nowMs = 1_000;
    get();
    expect(made).toBe(2);
  });

  test('and holds a bounded number of them', () => {
    for (let n = 0; n <= LIMITS.sharedResults.value; n++) get({ event: String(n) });
    get({ event: '0' });
    expect(made).toBe(LIMITS.sharedResults.value + 2);
  });
});
