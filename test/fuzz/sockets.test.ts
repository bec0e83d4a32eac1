import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anOperation } from './support/aDocument.js';
import { aRunningServer, type RunningServer } from './support/aRunningServer.js';
import { ANSWER_MS, type Draw, fuzz } from './support/fuzz.js';

let server: RunningServer;
beforeAll(async () => {
  server = await aRunningServer();
});
afterAll(() => server.close());

const HANDSHAKE = [
  'GET /graphql HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: graphql-transport-ws',
  '\r\n',
].join('\r\n');

/** A frame that may be one of the protocol, or break it in any bit of its head. */
function frame(draw: Draw, opcode: number, payload: Uint8Array): Buffer {
  const odd = draw.below(12) === 0;
  const first = odd ? draw.below(256) : 0x80 | opcode;
  const mask = odd && draw.flip() ? 0 : 0x80;
  const length =
    payload.length < 126
      ? Buffer.of(mask | payload.length)
      : Buffer.from([mask | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([Buffer.of(first), length, mask ? Buffer.alloc(4) : Buffer.of(), payload]);
}

const TYPES = ['connection_init', 'connection_ack', 'ping', 'pong', 'subscribe', 'next', 'error', 'complete', 'x', ''];

function message(draw: Draw): string {
  if (draw.below(12) === 0) return draw.text();
  if (draw.below(12) === 0) return JSON.stringify(draw.anything()) ?? '';
  const kind = draw.pick(['query', 'mutation', 'subscription'] as const);
  const payload = draw.below(4) === 0 ? draw.anything() : anOperation(draw, kind, server.ids);
  const id = draw.pick(['1', '2', '', draw.text(), draw.number()]);
  return JSON.stringify({ id, type: draw.below(3) > 0 ? 'subscribe' : draw.pick(TYPES), payload });
}

/** All that comes until it is quiet, or the end. */
async function listen(socket: Socket, quietMs: number): Promise<string> {
  let text = '';
  const note = (chunk: string) => {
    text += chunk;
  };
  socket.on('data', note);
  for (let before = -1; before !== text.length && !socket.destroyed; ) {
    before = text.length;
    await new Promise((resolve) => setTimeout(resolve, quietMs));
  }
  socket.off('data', note);
  return text;
}

test('no frames make the server ill', async () => {
  await fuzz(12, async (draw) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) }).setEncoding('latin1');
    socket.on('error', () => {});
    socket.write(HANDSHAKE);
    const [greeting] = (await once(socket, 'data', { signal: AbortSignal.timeout(ANSWER_MS) })) as [string];
    expect(greeting).toContain('101 Switching Protocols');
    if (draw.below(6) > 0) socket.write(frame(draw, 1, Buffer.from('{"type":"connection_init"}')));
    for (const part of draw.many(6, () =>
      draw.below(6) > 0
        ? frame(draw, 1, Buffer.from(message(draw)).subarray(0, 65_535))
        : frame(draw, draw.below(16), draw.bytes(130)),
    ))
      socket.write(part);
    if (draw.below(8) === 0) socket.write(draw.bytes(60));
    expect(await listen(socket, 20)).not.toContain('internal error');
    if (draw.flip()) socket.resetAndDestroy();
    else socket.destroy();
  });
  await server.expectUnharmed();
}, 600_000);
