/** What bounds what one caller, one guest or all of them together may cost. A limit stands here once, with what is said at it. */
export interface Limit {
  /** What is counted, and of whom; for people. */
  what: string;
  value: number;
  unit: string;
  /** What whoever goes beyond it gets. It comes before the work that the limit bounds. */
  refusal: string;
}

/**
 * The one list of limits: docs/limits.md is printed from it (`npm run limits`), and each is named in the test that goes beyond it.
 * Where a value is an operator's to choose it is a setting, in config.ts.
 */
export const LIMITS = {
  screenConnections: {
    what: 'connections to the screen of one machine (QEMU itself takes 32 viewers)',
    value: 64,
    unit: 'connections',
    refusal: 'the one that is idle for longest is closed, else HTTP 429',
  },
  ordersWaiting: {
    what: 'assignVm orders of one server that wait for the database, or whose outcome it has not told yet',
    value: 5_000,
    unit: 'orders',
    refusal: 'Unavailable; REST: HTTP 503 with Retry-After',
  },
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
    refusal: 'GraphQL error',
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
  replaysAtOnce: {
    what: 'followers of events that are given what they missed, at the same moment',
    value: 2,
    unit: 'followers',
    refusal: 'the others wait for their turn, address by address; nothing is left out',
  },
  replayEvents: {
    what: 'events that a follower is given in one turn while it is behind',
    value: 50,
    unit: 'events',
    refusal: 'the next come with its next turn',
  },
  argumentCharacters: {
    what: 'a text that something is looked for by: a filter, an id, a cursor, a parameter of REST',
    value: 4_096,
    unit: 'characters',
    refusal: 'GraphQL error BAD_USER_INPUT; HTTP 422',
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
  errorCharacters: {
    what: 'the message of an error or refusal, and its fix',
    value: 1_000,
    unit: 'characters',
    refusal: 'the rest is left out (…)',
  },
  echoedCharacters: {
    what: 'what a caller gave, where it is shown in a refusal',
    value: 200,
    unit: 'characters',
    refusal: 'the rest is left out (…)',
  },
  graphqlBodyBytes: {
    what: 'a GraphQL request over HTTP, and a message over WebSocket (a file of 1 MiB fits in, in base64)',
    value: 2 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 413; WebSocket close code 1009',
  },
  unreadBodyBytes: {
    what: 'what is still read of a body after its answer, so that the connection can go on',
    value: 64 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'the connection is closed',
  },
  unreadBodySeconds: {
    what: 'how long what nobody wants of a body may still take to come',
    value: 10,
    unit: 'seconds',
    refusal: 'the connection is closed',
  },
  connections: {
    what: 'connections to the main port',
    value: 10_000,
    unit: 'connections',
    refusal: 'the one without a request for longest is closed; where all have one: HTTP 429 TOO_MANY_CONNECTIONS',
  },
  connectionsPerAddress: {
    what: 'connections of one address to the main port; all callers behind a proxy have its address',
    value: 5_000,
    unit: 'connections',
    refusal: 'its one without a request for longest is closed; where all have one: HTTP 429 TOO_MANY_CONNECTIONS',
  },
  connectionsPerGuest: {
    what: 'connections of one guest to one listener',
    value: 64,
    unit: 'connections',
    refusal: 'its one without a request for longest is closed; where all have one: the new one is',
  },
  guestConnections: {
    what: 'connections of all guests to one listener of theirs',
    value: 4_096,
    unit: 'connections',
    refusal: 'the one without a request for longest is closed; where all have one: the new one is',
  },
  headSeconds: {
    what: 'how long a connection may take to send the head of its request, the first one or the next',
    value: 10,
    unit: 'seconds',
    refusal: 'HTTP 408, and the connection is closed',
  },
  operationsPerSocket: {
    what: 'operations under way on one WebSocket',
    value: 100,
    unit: 'operations',
    refusal: 'GraphQL error TOO_MANY_OPERATIONS',
  },
  operationsPerAddress: {
    what: 'requests, waits, streams and operations on WebSockets of one address that are under way; all callers behind a proxy have its address',
    value: 10_000,
    unit: 'operations',
    refusal: 'HTTP 429 or GraphQL error TOO_MANY_OPERATIONS',
  },
  operations: {
    what: 'the same of all addresses together',
    value: 40_000,
    unit: 'operations',
    refusal: 'HTTP 429 or GraphQL error TOO_MANY_OPERATIONS',
  },
  webSocketsPerAddress: {
    what: 'WebSockets of one address',
    value: 2_000,
    unit: 'WebSockets',
    refusal: 'HTTP 429 TOO_MANY_WEBSOCKETS',
  },
  webSockets: {
    what: 'WebSockets of all addresses together',
    value: 5_000,
    unit: 'WebSockets',
    refusal: 'HTTP 429 TOO_MANY_WEBSOCKETS',
  },
  sharedResults: {
    what: 'results of subscriptions that are kept for others that ask the same, until the next event',
    value: 1_000,
    unit: 'results',
    refusal: 'they are forgotten, and read again',
  },
} as const satisfies Record<string, Limit>;

export interface Price {
  /** What is priced; for people. */
  what: string;
  /** Against LIMITS.graphqlCost. */
  points: number;
}

/**
 * What a field of the GraphQL API costs. Objects that are named by another one are read for all rows of an answer with one query, and
 * cost what their values cost.
 */
export const PRICES = {
  value: { what: 'each value of an answer, and of a list as many times as it may have items', points: 1 },
  introspection: { what: 'each value that introspection may answer', points: 0.5 },
  read: { what: 'a page or a list: one query to the database', points: 50 },
  change: { what: 'a mutation: a transaction', points: 100 },
  output: { what: 'what a command wrote, up to 256 KiB', points: 80 },
  health: { what: 'the health of all parts', points: 200 },
  content: { what: 'a file or a picture of the screen, up to 1 MiB', points: 2_000 },
} as const satisfies Record<string, Price>;

/** The lists as docs/limits.md shows them. */
export function limitsDocument(): string {
  const rows = Object.values(LIMITS).map(
    ({ what, value, unit, refusal }) => `| ${what} | ${value.toLocaleString('en-US')} ${unit} | ${refusal} |`,
  );
  const prices = Object.values(PRICES).map(({ what, points }) => `| ${what} | ${points.toLocaleString('en-US')} |`);
  return `# Limits

Printed from \`src/domain/limits.ts\` by \`npm run limits\`. Each is enforced before the work that it bounds.

| what | limit | beyond it |
| --- | --- | --- |
${rows.join('\n')}

## Prices of GraphQL fields

| what | points |
| --- | --- |
${prices.join('\n')}
`;
}
