import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { until } from '../../support/until.js';
import type { Api } from './api.js';

export interface VmEvent {
  cursor: string;
  kind: string;
  actor: string;
  vmId: string | null;
  goldenImageId: string | null;
  data: Record<string, unknown>;
}

export interface Follower<T> {
  /** Everything that was told so far, in its order. */
  told: T[];
  /** Waits until something was told that fits. */
  until: (what: string, fits: (one: T) => boolean, limitMs?: number) => Promise<T>;
  /** How the server closed the socket; undefined while it is open. */
  closed: () => { code: number; reason: string } | undefined;
  stop: () => Promise<void>;
}

/** Subscribes with graphql-ws' own client, once: a connection that breaks is not made again. */
export async function follow<T>(
  { url }: Api,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Follower<T>> {
  const told: T[] = [];
  let closed: { code: number; reason: string } | undefined;
  let failure: unknown;
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
    on: {
      closed: (event) => {
        const { code, reason } = event as { code: number; reason: string };
        closed = { code, reason: String(reason) };
      },
    },
  });
  let opened = false;
  client.on('connected', () => {
    opened = true;
  });
  await until('the socket is open', async () => opened);
  client.subscribe<Record<string, T>>(
    { query, variables },
    {
      next: ({ data, errors }) => {
        if (errors) failure = errors;
        for (const one of Object.values(data ?? {})) told.push(one);
      },
      error: (err) => {
        failure = err;
      },
      complete: () => {},
    },
  );
  return {
    told,
    until: (what, fits, limitMs) =>
      until(
        what,
        async () => {
          const found = told.find(fits);
          if (found === undefined && failure !== undefined)
            throw new Error(`the subscription failed: ${JSON.stringify(failure)}`);
          return found;
        },
        limitMs,
      ),
    closed: () => closed,
    stop: async () => client.dispose(),
  };
}

const EVENT = 'cursor kind actor vmId goldenImageId data';

/** Every event after the cursor; from the very first one unless told otherwise. */
export const followEvents = (api: Api, after = '0') =>
  follow<VmEvent>(api, `subscription($after: Cursor) { vmEvents(after: $after) { ${EVENT} } }`, { after });
