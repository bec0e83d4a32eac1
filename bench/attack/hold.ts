import { type Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './messages.js';

/** How long whoever was refused or cut off rests before he comes again. */
const AGAIN_MS = 100;
/** A wave of connections that is larger meets a full queue of the kernel, not the server. */
const WAVE = 100;
const WAVE_MS = 30;
const OPEN_LIMIT_MS = 5_000;

/** Does something with each of `count` connections, kept for ever; a new one for each that ends. Resolves when all were tried. */
export async function holdSockets(
  { host, port, from }: Target,
  count: number,
  use: (socket: Socket) => void = () => {},
): Promise<void> {
  const open = () => {
    const socket = connect({ host, port, ...(from && { localAddress: from }) });
    socket.on('error', () => {});
    socket.on('connect', () => use(socket));
    socket.on('close', () => setTimeout(open, AGAIN_MS));
    socket.resume();
  };
  const end = performance.now() + OPEN_LIMIT_MS;
  for (let n = 0; n < count; n++) {
    open();
    if (n % WAVE === WAVE - 1 && performance.now() < end) await sleep(WAVE_MS);
  }
}

/** `count` callers at once, each with its next request as soon as the last one was answered. */
export async function askOnAndOn(
  { host, port, from }: Target,
  agent: Agent,
  count: number,
  path: string,
  body: string | undefined,
  headers: Record<string, string>,
): Promise<void> {
  const ask = () => {
    let rest = 0;
    const method = body === undefined ? 'GET' : 'POST';
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = request(
      { host, port, path, method, agent, headers: { ...headers, ...length }, ...(from && { localAddress: from }) },
      (res) => {
        if ((res.statusCode ?? 500) >= 400) rest = AGAIN_MS;
        res.resume();
      },
    );
    sent.on('error', () => {
      rest = AGAIN_MS;
    });
    sent.on('close', () => setTimeout(ask, rest));
    sent.end(body);
  };
  for (let n = 0; n < count; n++) ask();
}
