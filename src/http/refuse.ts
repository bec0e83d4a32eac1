import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Why a request is not let in, said before anything of it but its head was looked at. */
export interface EdgeRefusal {
  status: 400 | 403 | 404 | 405 | 429 | 503;
  code: string;
  message: string;
  fix: string;
  retryAfterSeconds?: number;
}

/** A caller who is refused an upgrade has this long to take the answer. Milliseconds. */
const GOODBYE_MS = 1_000;

/** Answers an ordinary request. */
export function refuseRequest(req: IncomingMessage, res: ServerResponse, refusal: EdgeRefusal): void {
  res.writeHead(refusal.status, headersOf(refusal)).end(bodyOf(req, refusal));
}

/**
 * Answers a request for another protocol, to which Node gives no response object, and ends the connection: in a second at most,
 * whatever the caller does.
 */
export function refuseUpgrade(req: IncomingMessage, socket: Duplex, refusal: EdgeRefusal): void {
  end(socket, textOf(refusal, bodyOf(req, refusal)));
}

/** Tells a caller that has connected once too often, without hearing what it wants. */
export function refuseConnection(socket: Socket): void {
  end(socket, textOf(TOO_MANY_CONNECTIONS, JSON.stringify(problem(TOO_MANY_CONNECTIONS))));
}

const TOO_MANY_CONNECTIONS: EdgeRefusal = {
  status: 429,
  code: 'TOO_MANY_CONNECTIONS',
  message: 'too many connections are open',
  fix: 'Close some, or let your requests share them (keep-alive).',
  retryAfterSeconds: 5,
};

function textOf(refusal: EdgeRefusal, body: string): string {
  const headers = { ...headersOf(refusal), 'content-length': Buffer.byteLength(body), connection: 'close' };
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function end(socket: Duplex, text: string): void {
  const late = setTimeout(() => socket.destroy(), GOODBYE_MS);
  socket.once('close', () => clearTimeout(late));
  socket.resume(); // what still comes would keep the end from being seen
  socket.end(text);
}

function headersOf({ retryAfterSeconds }: EdgeRefusal): Record<string, string> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
  };
}

/** In the words of the API that was called. */
function bodyOf(req: IncomingMessage, refusal: EdgeRefusal): string {
  const { code, message, fix } = refusal;
  return JSON.stringify(isGraphql(req) ? { errors: [{ message, extensions: { code, fix } }] } : problem(refusal));
}

function problem({ code, message, fix }: EdgeRefusal) {
  return { detail: `${message}. ${fix}`, code, message, fix };
}

/** Whether the request is one for the GraphQL API. */
export function isGraphql({ url = '' }: IncomingMessage): boolean {
  return /^\/graphql(?=[?/]|$)/.test(url);
}
