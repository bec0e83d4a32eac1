import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { decodeKeyValues } from '../keyValues.js';
import type { Network } from '../network.js';
import { guestAddress } from './guestNames.js';

export interface Call {
  readonly url: URL;
  readonly token: string;
  readonly body: string;
  readonly network: Network;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly values: Map<string, string>;
  readonly retryAfterSeconds: number;
}

const keepAlive = new Agent({ keepAlive: true });

/** One POST of the guest protocol. Rejects when there is no answer. */
export function postKeyValues({ url, token, body, network, limitMs, signal }: Call): Promise<Answer> {
  const headers = {
    Host: url.host,
    Authorization: `Bearer ${token}`,
    'Content-Type': 'text/plain',
    'Content-Length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const send = secure ? httpsRequest : httpRequest;
    const host = guestAddress(url.hostname, network) ?? url.hostname;
    const to = { method: 'POST', host, port: url.port, path: url.pathname, headers, agent: secure ? false : keepAlive };
    const request = send({ ...to, signal, timeout: limitMs });
    request.on('response', (response) => void readAnswer(response).then(resolve, reject));
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  const retryAfterSeconds = Number(response.headers['retry-after'] ?? 1) || 1;
  return { status: response.statusCode ?? 0, values: decodeKeyValues(text), retryAfterSeconds };
}
