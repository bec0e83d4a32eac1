import { GraphQLError, Kind } from 'graphql';
import { builder } from '../builder.js';

const MAX_SEQ = 2n ** 63n - 1n;

const outputOnly = (name: string) => (): never => {
  throw new GraphQLError(`${name} is not for input`);
};

builder.scalarType('DateTime', {
  description: 'A moment, ISO 8601 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.',
  serialize: (date) => date.toISOString(),
  parseValue: outputOnly('DateTime'),
});

builder.scalarType('ByteCount', {
  description: 'A number of bytes. A JSON number, exact up to 2^53; larger than an Int can be.',
  serialize: (bytes) => Number(bytes),
  parseValue: outputOnly('ByteCount'),
});

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: outputOnly('JSON'),
});

function parseCursor(given: unknown): bigint {
  const text = typeof given === 'string' ? given : '';
  const seq = /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  if (seq === undefined || seq > MAX_SEQ) {
    throw new GraphQLError(
      `${JSON.stringify(given)} is not an event's cursor. Give one as this API returned it, or "0" for the beginning.`,
      {
        extensions: { code: 'BAD_USER_INPUT' },
      },
    );
  }
  return seq;
}

builder.scalarType('Cursor', {
  description: 'A position in the log of events, of which there is one order. `"0"` is before the first event.',
  serialize: (seq) => String(seq),
  parseValue: parseCursor,
  parseLiteral: (node) => parseCursor(node.kind === Kind.STRING ? node.value : undefined),
});
