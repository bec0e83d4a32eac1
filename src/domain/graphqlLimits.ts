import type { Limit } from './limit.js';

/** What bounds one GraphQL operation. */
export const graphqlLimits = {
  graphqlCharacters: {
    what: 'a GraphQL document, with its comments and literal texts; long texts go into variables',
    value: 64 * 1024,
    unit: 'characters',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  graphqlTokens: {
    what: 'words and signs in one GraphQL document (full introspection has some 200)',
    value: 2_000,
    unit: 'tokens',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  graphqlNameCharacters: {
    what: 'a name in a GraphQL document or a key in its variables: an alias comes back with every row',
    value: 100,
    unit: 'characters',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  graphqlNesting: {
    what: 'brackets within each other in a GraphQL document',
    value: 50,
    unit: 'levels',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  graphqlDefinitions: {
    what: 'operations and fragments in one GraphQL document',
    value: 100,
    unit: 'definitions',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  graphqlFields: {
    what: 'fields of one GraphQL document, aliases and fragments spread out',
    value: 1_000,
    unit: 'fields',
    refusal: 'GraphQL error QUERY_BREADTH',
  },
  graphqlRepeats: {
    what: 'the same field, or alias, in one place of a GraphQL document, fragments spread out',
    value: 20,
    unit: 'times',
    refusal: 'GraphQL error QUERY_BREADTH',
  },
  graphqlDepth: {
    what: 'fields within each other in a GraphQL document',
    value: 15,
    unit: 'levels',
    refusal: 'GraphQL error QUERY_DEPTH',
  },
  graphqlVariables: {
    what: 'values in the variables of a GraphQL operation: keys of objects and items of lists',
    value: 1_000,
    unit: 'values',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  graphqlCost: {
    what: 'the price of one GraphQL operation, by the prices below (full introspection costs some 4,000)',
    value: 10_000,
    unit: 'points',
    refusal: 'GraphQL error QUERY_COMPLEXITY',
  },
  subscriptionCharacters: {
    what: 'the document of a GraphQL subscription and its variables, together: they are kept while it lives',
    value: 16 * 1024,
    unit: 'characters',
    refusal: 'GraphQL error QUERY_SIZE',
  },
  operationIdCharacters: {
    what: 'the id of an operation on a WebSocket: it comes back with every event',
    value: 100,
    unit: 'characters',
    refusal: 'WebSocket close code 4400',
  },
  graphqlKeptCharacters: {
    what: 'GraphQL documents that are kept parsed and validated, all together',
    value: 200_000,
    unit: 'characters',
    refusal: 'those that were not used for longest are parsed again',
  },
  graphqlErrors: {
    what: 'errors in one GraphQL answer',
    value: 20,
    unit: 'errors',
    refusal: 'the rest is left out, and the last one says so',
  },
  graphqlBodyBytes: {
    what: 'a GraphQL request over HTTP, and a message over WebSocket (a file of 1 MiB fits in, in base64)',
    value: 2 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 413; WebSocket close code 1009',
  },
  sharedResults: {
    what: 'results of subscriptions that are kept for others that ask the same, until the next event',
    value: 1_000,
    unit: 'results',
    refusal: 'they are forgotten, and read again',
  },
} as const satisfies Record<string, Limit>;
