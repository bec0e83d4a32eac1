import { Agent, request } from 'node:http';

/** Connections that rest this long are closed here, well before the server closes them just as one is used again. */
const IDLE_LIMIT_MS = 2_000;

/** Asks over kept connections, as a program that talks to the server all day does. */
export interface GraphqlClient {
  /** The data of the answer. @throws Error  when it has errors. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  close(): void;
}

export function createGraphqlClient(url: string): GraphqlClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256, timeout: IDLE_LIMIT_MS });
  return {
    ask: async <Data>(query: string, variables?: Record<string, unknown>) => {
      const text = await post(agent, `${url}/graphql`, JSON.stringify({ query, variables }));
      const answer = JSON.parse(text) as { data?: Data; errors?: unknown };
      if (answer.errors !== undefined || answer.data == null) throw new Error(`refused: ${text.slice(0, 500)}`);
      return answer.data;
    },
    close: () => agent.destroy(),
  };
}

function post(agent: Agent, url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => {
        text += chunk;
      });
      res.on('end', () => resolve(text));
      res.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
