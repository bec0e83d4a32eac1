import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../../support/until.js';

/** One call of the agent's, as it came. */
export interface GuestCall {
  call: string;
  token: string;
  lines: Record<string, string>;
  body: string;
}

/** What a call is answered with: lines, or a status, or raw text. */
export type GuestAnswer =
  | { do: string; time?: string; name?: string; id?: string }
  | { status: number; retryAfter?: number }
  | { raw: string };

/** Answers a call itself, or leaves it (undefined) to the server's own way. */
export type Answering = (call: GuestCall) => GuestAnswer | undefined;

export interface GuestServerOptions {
  /** How long a second of `wait` lasts here. */
  secondMs?: number;
  answering?: Answering;
}

/**
 * A server that speaks the guest protocol: says ok to a known session, hands out orders one at a time, holds the long poll. It does
 * what PROTOCOL.md says and no more; the real one is tested beside it.
 */
export async function startGuestServer({ secondMs = 1000, answering }: GuestServerOptions = {}) {
  const calls: GuestCall[] = [];
  const orders: ({ do: string } & Record<string, string>)[] = [];
  const sessions = new Set<string>();
  let waiting: { answer: () => void } | undefined;
  const self = {
    url: '',
    calls,
    /** Change it at any time. */
    answering,
    /** Hands this out with the next `next`. */
    order(lines: { do: string } & Record<string, string>) {
      orders.push(lines);
      waiting?.answer();
    },
    called: (name: string) => calls.filter(({ call }) => call === name),
    /** The lines of the nth call of this name, once it is there. */
    awaitCall: (name: string, n = 1, limitMs = 20_000) =>
      until(`call ${n} of ${name}`, async () => self.called(name)[n - 1]?.lines, limitMs),
    awaitResult: (id: string, limitMs = 20_000) =>
      until(
        `the result of ${id}`,
        async () => self.called('result').find(({ lines }) => lines.id === id)?.lines,
        limitMs,
      ),
    /** Forgets the sessions, as a restarted server does. */
    forget: () => sessions.clear(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  function ownAnswer({ call, lines }: GuestCall, res: ServerResponse): void {
    const session = lines.session ?? '';
    if (call === 'ready') sessions.add(session);
    if (call === 'next' && sessions.has(session)) hold(lines, res);
    else write(res, { do: call === 'next' ? 'ready' : 'ok' });
  }

  function hold(lines: Record<string, string>, res: ServerResponse): void {
    const over = setTimeout(() => answer(), Number(lines.wait) * secondMs);
    const answer = () => {
      clearTimeout(over);
      waiting = undefined;
      if (!res.destroyed) write(res, orders.shift() ?? { do: 'none' });
    };
    res.on('close', () => clearTimeout(over));
    if (orders.length > 0) answer();
    else waiting = { answer };
  }

  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const body = Buffer.concat(parts).toString('latin1');
      const call: GuestCall = {
        call: (req.url ?? '').replace(/^\/guest\/v1\//, ''),
        token: (req.headers.authorization ?? '').replace(/^Bearer /, ''),
        lines: parseLines(body),
        body,
      };
      calls.push(call);
      const answer = self.answering?.(call);
      if (answer === undefined) ownAnswer(call, res);
      else write(res, answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return self;
}

export type GuestServer = Awaited<ReturnType<typeof startGuestServer>>;

function write(res: ServerResponse, answer: GuestAnswer): void {
  if ('status' in answer) {
    const headers = answer.retryAfter === undefined ? {} : { 'Retry-After': String(answer.retryAfter) };
    res.writeHead(answer.status, headers).end();
  } else if ('raw' in answer) res.writeHead(200).end(answer.raw);
  else res.writeHead(200, { 'Content-Type': 'text/plain' }).end(formatLines(answer));
}

/** As lines of key=value with percent-encoded values. */
function formatLines(lines: Record<string, string>): string {
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}\r\n`)
    .join('');
}

function parseLines(body: string): Record<string, string> {
  return Object.fromEntries(
    body
      .split('\r\n')
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf('=')), decodeURIComponent(line.slice(line.indexOf('=') + 1))]),
  );
}

/** The text of guest.cfg. */
export function guestConfig(over: Record<string, string>): string {
  return formatLines({
    protocol: '1',
    id: '00000000-0000-4000-8000-000000000000',
    token: 'token-of-it',
    role: 'vm',
    ...over,
  });
}
