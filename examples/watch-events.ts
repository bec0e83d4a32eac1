/**
 * Prints everything that happens, from the first event on, for ever. A connection that breaks is made anew, and goes on after the last
 * event that was seen: none is missed, none comes twice.
 *
 *   npx tsx examples/watch-events.ts [cursor]
 *
 * Elsewhere: npm i graphql-ws ws. VAPIORC_URL says where the server is.
 */
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

interface VmEvent {
  cursor: string;
  at: string;
  kind: string;
  vmId: string | null;
  reason: string | null;
}

const server = process.env.VAPIORC_URL ?? 'http://127.0.0.1:8000';
const client = createClient({
  url: `${server.replace(/^http/, 'ws')}/graphql`,
  webSocketImpl: WebSocket,
  retryAttempts: 0, // by itself it would ask again from where it began
});

// Keep this where it outlives your program, and nothing is missed while that does not run either.
let cursor = process.argv[2] ?? '0';
for (;;) {
  try {
    const events = client.iterate<{ vmEvents: VmEvent }>({
      query: 'subscription ($after: Cursor) { vmEvents(after: $after) { cursor at kind vmId reason } }',
      variables: { after: cursor },
    });
    for await (const { data } of events) {
      if (!data) continue;
      const { at, kind, vmId, reason } = data.vmEvents;
      console.log([data.vmEvents.cursor, at, kind, vmId, reason].filter(Boolean).join(' '));
      cursor = data.vmEvents.cursor; // after what was to be done with it is done
    }
  } catch {
    console.error(`disconnected; going on after ${cursor}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
