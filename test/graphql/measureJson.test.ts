import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { measureJson } from '../../src/graphql/limits/measureJson.js';

const list = (count: number, item: unknown) =>
  JSON.stringify({ query: '{ a }', variables: { k: Array(count).fill(item) } });

describe('a body is measured before it is parsed', () => {
  test('more values than there may be are found, whatever comes behind them', () => {
    const text = list(LIMITS.graphqlVariables.value + 100, 1);
    for (const body of [text, `${text.slice(0, -3)},`, text.replaceAll('1', '{}')])
      expect(measureJson(body)?.extensions).toMatchObject({ code: 'QUERY_SIZE' });
  });

  test.each([
    ['as many as there may be', list(LIMITS.graphqlVariables.value, 1)],
    ['commas in a text', list(1, ','.repeat(100_000))],
    ['commas behind quotes and backslashes in a text', list(3, '",\\",\\\\",'.repeat(10_000))],
    ['a text that ends in backslashes', list(3, `${','.repeat(2_000)}\\\\\\`)],
    ['a text that never ends', `{"a": "${','.repeat(100_000)}`],
    ['nothing', ''],
  ])('%s passes', (_what, body) => expect(measureJson(body)).toBeUndefined());
});
