import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { decodeKeyValues, encodeKeyValues } from '../../test/standin/supervisor/keyValues.js';

type Values = Record<string, string>;

/** A long poll of the guest protocol (oem/PROTOCOL.md) and nothing else: one guest, one order at a time, all of it in memory. */
export interface BareServer {
  port: number;
  /** Waits until the guest holds its poll. */
  polled(): Promise<void>;
  /** Answers the poll that is held with an order; the result that the guest sends for it. */
  order(values: Values): Promise<Values>;
  close(): Promise<void>;
}

export async function startBareServer(): Promise<BareServer> {
  let held: ((answer: Values) => void) | undefined;
  let onPoll = () => {};
  const results = new Map<string, (values: Values) => void>();

  const answerTo = async (call: string | undefined, values: Values): Promise<Values> => {
    if (call === 'result') results.get(values.id ?? '')?.(values);
    if (call !== 'next') return { do: 'ok' };
    return new Promise((resolve) => {
      const timer = setTimeout(() => release({ do: 'none' }), Number(values.wait) * 1000);
      const release = (answer: Values) => {
        clearTimeout(timer);
        if (held === release) held = undefined;
        resolve(answer);
      };
      // With 0 it only looks; what it waits for is an answer to something else.
      if (Number(values.wait) > 0) held = release;
      onPoll();
    });
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const answer = await answerTo(request.url?.split('/').at(-1), Object.fromEntries(decodeKeyValues(body)));
    const text = encodeKeyValues(answer);
    response.setHeader('Content-Type', 'text/plain').setHeader('Content-Length', Buffer.byteLength(text)).end(text);
  };
  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  // Guests come through the Docker bridge.
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');

  return {
    port: address.port,
    async polled() {
      while (held === undefined) {
        await new Promise<void>((resolve) => {
          onPoll = resolve;
        });
      }
    },
    order(values) {
      const { id = '' } = values;
      if (held === undefined) throw new Error('the guest holds no poll');
      const result = new Promise<Values>((resolve) => results.set(id, resolve));
      held(values);
      return result.finally(() => results.delete(id));
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
