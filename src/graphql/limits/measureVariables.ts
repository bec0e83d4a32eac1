import type { GraphQLError } from 'graphql';
import { LIMITS } from '../../domain/limits.js';
import { excess } from './excess.js';

const FIX = 'Give less in one operation.';

/** What is too large in the variables as they came, found before they are compared with what they should be. */
export function measureVariables(variables: unknown): GraphQLError | undefined {
  const rest: object[] = isObject(variables) ? [variables] : [];
  let count = 0;
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    const isList = Array.isArray(value);
    const keys = Object.keys(value);
    count += keys.length;
    if (count > LIMITS.graphqlVariables.value) return excess('QUERY_SIZE', LIMITS.graphqlVariables, FIX);
    for (const key of keys) {
      const part = (value as Record<string, unknown>)[key];
      if (!isList && key.length > LIMITS.graphqlNameCharacters.value)
        return excess('QUERY_SIZE', LIMITS.graphqlNameCharacters, 'Give shorter names.');
      if (isObject(part)) rest.push(part);
    }
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
