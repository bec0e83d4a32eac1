import { Agent, request } from 'node:http';
import { openLoop } from '../openLoop.js';

const PER_SECOND = 25;
/** Whoever is not answered by then gives up, and counts with that. */
export const ANSWER_LIMIT_MS = 10_000;

export interface Seen {
  /** Milliseconds of each call. */
  times: number[];
  /** How many were not answered as they should be. */
  failed: number;
}

/** A client that asks 25 times a second, whatever comes, and has been answered when `wants` is in the answer. Its connections are its own and kept. */
export async function wellBehaved(url: string, seconds: number, body?: () => string, wants = ''): Promise<Seen> {
  const agent = new Agent({ keepAlive: true, timeout: 2_000 });
  let failed = 0;
  const times = await openLoop(PER_SECOND, PER_SECOND * seconds, async () => {
    if (!(await answered(agent, url, body?.(), wants))) failed++;
  });
  agent.destroy();
  return { times, failed };
}

function answered(agent: Agent, url: string, body: string | undefined, wants: string): Promise<boolean> {
  return new Promise((resolve) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: body === undefined ? 'GET' : 'POST', agent, headers }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      res.on('error', () => resolve(false));
      res.on('end', () => resolve(res.statusCode === 200 && !/"(errors|fix)"/.test(text) && text.includes(wants)));
    });
    const late = setTimeout(() => sent.destroy(new Error('too late')), ANSWER_LIMIT_MS);
    sent.on('error', () => resolve(false));
    sent.on('close', () => clearTimeout(late));
    sent.end(body);
  });
}
