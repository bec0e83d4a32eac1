import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { World } from '../../support/world.js';

/** `data` has the shape that each test asserts. */
export interface Told {
  data?: ReturnType<typeof JSON.parse>;
  errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

export interface Subscription {
  /** The next thing told; throws when the subscription is over. */
  next(): Promise<Told>;
  /** Leaves. */
  stop(): Promise<void>;
}

export interface Client {
  subscribe(query: string, variables?: Record<string, unknown>): Subscription;
  close(): Promise<void>;
}

/** graphql-ws' own client. */
export function socketClient(world: World): Client {
  const client = createSocketClient({ url: world.socketUrl, webSocketImpl: WebSocket, lazy: true, retryAttempts: 0 });
  return {
    subscribe: (query, variables) => subscription(client.iterate({ query, ...(variables && { variables }) })),
    close: async () => client.dispose(),
  };
}

/** graphql-sse's own client: one connection for each subscription. */
export function sseClient(world: World): Client {
  const client = createSseClient({ url: world.graphqlUrl, retryAttempts: 0 });
  return {
    subscribe: (query, variables) => subscription(client.iterate({ query, ...(variables && { variables }) })),
    close: async () => client.dispose(),
  };
}

/** SSE by hand, as with curl: a POST that asks for text/event-stream. */
export function fetchClient(world: World): Client {
  return {
    subscribe(query, variables) {
      const leave = new AbortController();
      return subscription(eventStream(world, { query, variables }, leave.signal), () => leave.abort());
    },
    close: async () => {},
  };
}

async function* eventStream({ graphqlUrl: url }: World, body: object, signal: AbortSignal): AsyncGenerator<Told> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) throw new Error(await response.text());
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, data] = /^event: next\ndata: (.*)$/m.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as Told;
    }
  }
}

function subscription(source: AsyncIterableIterator<unknown>, leave?: () => void): Subscription {
  return {
    async next() {
      const { value, done } = await source.next();
      if (done) throw new Error('the subscription is over');
      return value as Told;
    },
    async stop() {
      leave?.();
      if (!leave) await source.return?.();
    },
  };
}
