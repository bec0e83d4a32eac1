import { GraphQLError } from 'graphql';
import type { Limit } from '../../domain/limit.js';

/** What a caller is told of an operation that is beyond a limit. */
export function excess(code: string, { what, value, unit }: Limit, fix: string): GraphQLError {
  const name = code.toLowerCase().replace('_', ' ');
  return new GraphQLError(`${name}: more than ${value} ${unit} (${what})`, { extensions: { code, fix } });
}
