import { GraphQLError } from 'graphql';
import { LIMITS } from '../../domain/limits.js';
import { shorten } from '../../primitives/shorten.js';

/** The errors that an answer shows: messages repeat what the caller gave, and one document can have thousands of faults. */
export function boundErrors(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  const most = LIMITS.graphqlErrors.value;
  if (errors.length <= most) return errors.map(boundError);
  const left = errors.length - most + 1;
  return [
    ...errors.slice(0, most - 1).map(boundError),
    new GraphQLError(`${left} more errors are left out`, { extensions: { code: 'TOO_MANY_ERRORS' } }),
  ];
}

export function boundError(error: GraphQLError): GraphQLError {
  const { message, nodes, source, positions, path, extensions, originalError } = error;
  if (message.length <= LIMITS.errorCharacters.value) return error;
  const shown = shorten(message, LIMITS.errorCharacters.value);
  return new GraphQLError(shown, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    originalError: originalError ?? null,
    extensions,
  });
}
