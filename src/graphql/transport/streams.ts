import type { Plugin } from 'graphql-yoga';
import { EVENT_STREAM_HEADERS, KEEP_ALIVE_MS } from '../../primitives/eventStream.js';
import type { Asked } from './yoga.js';

/** Lets subscriptions over SSE pass through proxies, at once and for as long as they are silent. */
export function useStreams(): Plugin<object, Asked> {
  return {
    onResponse({ response, serverContext: { res } }) {
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return;
      for (const [name, value] of Object.entries(EVENT_STREAM_HEADERS)) response.headers.set(name, value);
      // A comment without an empty line ends no event, should one be half written.
      const alive = setInterval(() => {
        if (res?.headersSent && !res.writableEnded && !res.writableNeedDrain) res.write(':\n');
      }, KEEP_ALIVE_MS);
      res?.once('close', () => clearInterval(alive));
    },
  };
}
