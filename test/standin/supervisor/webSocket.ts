import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** The server side of one WebSocket: whole messages only, no extensions. Enough for /status and /websockify. */
export class WebSocketPeer extends EventEmitter<{ message: [data: Buffer]; close: [] }> {
  #pending: Buffer;
  #closed = false;

  constructor(
    readonly socket: Duplex,
    head: Buffer,
  ) {
    super();
    this.#pending = head;
    socket.on('data', (chunk: Buffer) => {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      this.#drain();
    });
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  send(data: string | Buffer): void {
    if (this.#closed) return;
    const payload = Buffer.from(data);
    this.#frame(typeof data === 'string' ? 1 : 2, payload);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.socket.end(Buffer.from([0x88, 0]));
    this.emit('close');
  }

  #frame(opcode: number, payload: Buffer): void {
    const header = payload.length < 126 ? Buffer.alloc(2) : payload.length < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
    header[0] = 0x80 | opcode;
    if (header.length === 2) header[1] = payload.length;
    else if (header.length === 4) {
      header[1] = 126;
      header.writeUInt16BE(payload.length, 2);
    } else {
      header[1] = 127;
      header.writeBigUInt64BE(BigInt(payload.length), 2);
    }
    this.socket.write(Buffer.concat([header, payload]));
  }

  #drain(): void {
    for (;;) {
      const data = this.#pending;
      if (data.length < 2) return;
      const [first = 0, second = 0] = data;
      let length = second & 0x7f;
      let offset = 2;
      if (length === 126) {
        if (data.length < 4) return;
        length = data.readUInt16BE(2);
        offset = 4;
      } else if (length === 127) {
        if (data.length < 10) return;
        length = Number(data.readBigUInt64BE(2));
        offset = 10;
      }
      const masked = (second & 0x80) !== 0;
      const start = offset + (masked ? 4 : 0);
      if (data.length < start + length) return;
      const payload = Buffer.from(data.subarray(start, start + length));
      if (masked) for (let i = 0; i < length; i++) payload[i] = (payload[i] ?? 0) ^ (data[offset + (i & 3)] ?? 0);
      this.#pending = data.subarray(start + length);
      const opcode = first & 0x0f;
      if (opcode === 8) {
        this.close();
        return;
      }
      if (opcode === 9) this.#frame(10, payload);
      if (opcode <= 2) this.emit('message', payload);
    }
  }
}

/** Answers the handshake; undefined when the request was not one. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): WebSocketPeer | undefined {
  const key = request.headers['sec-websocket-key'];
  if (!key) {
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    return undefined;
  }
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
  const protocol = offered.includes('binary') ? 'Sec-WebSocket-Protocol: binary\r\n' : '';
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${protocol}Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const peer = new WebSocketPeer(socket, head);
  return peer;
}
