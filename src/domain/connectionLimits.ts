import type { Limit } from './limit.js';

/** What bounds connections, and what comes over them. */
export const connectionLimits = {
  connections: {
    what: 'connections to the main port',
    value: 10_000,
    unit: 'connections',
    refusal:
      'the one without a request for longest is closed, or else the one whose body comes slowly for longest; where there is none: HTTP 429 TOO_MANY_CONNECTIONS',
  },
  connectionsPerAddress: {
    what: 'connections of one address to the main port; all callers behind a proxy have its address',
    value: 5_000,
    unit: 'connections',
    refusal: 'the same, among its own',
  },
  screenConnections: {
    what: 'connections to the screen of one machine (QEMU itself takes 32 viewers)',
    value: 64,
    unit: 'connections',
    refusal: 'the one that is idle for longest is closed, else HTTP 429',
  },
  connectionsPerGuest: {
    what: 'connections of one guest to one listener',
    value: 64,
    unit: 'connections',
    refusal:
      'its one without a request for longest is closed, or else the one whose body comes slowly for longest; where there is none: the new one is',
  },
  guestConnections: {
    what: 'connections of all guests to one listener of theirs',
    value: 4_096,
    unit: 'connections',
    refusal: 'the same, among all',
  },
  headSeconds: {
    what: 'how long a connection may take to send the head of its request, the first one or the next',
    value: 10,
    unit: 'seconds',
    refusal: 'HTTP 408, and the connection is closed',
  },
  bodySeconds: {
    what: 'how long the body of a request may take to come, unless it is a file; while there are too many connections, one that comes slower than 16 KiB a second can be closed before',
    value: 30,
    unit: 'seconds',
    refusal: 'the connection is closed',
  },
  bodyBytesPerAddress: {
    what: 'bodies of requests of one address that are under way, but for files; all callers behind a proxy have its address',
    value: 128 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 429 TOO_MUCH_SENT',
  },
  bodyBytes: {
    what: 'the same of all addresses together',
    value: 256 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 429 TOO_MUCH_SENT',
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
  socketBufferedBytes: {
    what: 'what waits for a caller that does not read its WebSocket',
    value: 8 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'the WebSocket is cut off',
  },
} as const satisfies Record<string, Limit>;
