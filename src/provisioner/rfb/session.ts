import type { Duplex } from 'node:stream';
import { Incoming, RfbFault } from './incoming.js';

const SHARED = 1;
const NO_SECURITY = 1;
const MAX_NAME_BYTES = 4096;

/** Pixels and bytes that a picture may have: its size is the guest's decision. */
const MAX_SIDE = 8192;
const MAX_BYTES = 64 * 1024 * 1024;
export const BYTES_PER_PIXEL = 4;

const ENCODING_RAW = 0;
/** The server tells a new size of the screen, where else it would cut or pad the picture. */
export const ENCODING_DESKTOP_SIZE = -223;

/** A connection to a VNC server after its handshake: RFB 3.8 without a password. */
export interface RfbSession {
  /** The screen's size, kept up to date by `readUpdate`. */
  width: number;
  height: number;
  incoming: Incoming;
  send: (message: Buffer) => void;
}

/**
 * Runs `work` over this connection and hangs up. The whole of it takes `limitMs` at most.
 * @throws RfbFault  the peer breaks the protocol, or is not done in time.
 * @throws Error with a `code`  the connection broke.
 */
export async function withRfb<T>(
  socket: Duplex,
  limitMs: number,
  work: (session: RfbSession) => Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => socket.destroy(new RfbFault(`it was not done within ${limitMs} ms`)), limitMs);
  socket.on('error', () => {}); // whoever waits finds it in `errored`
  try {
    return await work(await greet(socket));
  } catch (fault) {
    throw socket.errored ?? fault;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function greet(socket: Duplex): Promise<RfbSession> {
  const incoming = new Incoming(socket);
  const send = (message: Buffer) => void socket.write(message);

  const version = (await incoming.take(12)).toString('latin1');
  if (!/^RFB 003\.(008|889)\n$/.test(version)) throw new RfbFault(`it speaks ${JSON.stringify(version)}, not RFB 3.8`);
  send(Buffer.from('RFB 003.008\n'));
  const count = (await incoming.take(1)).readUInt8();
  if (count === 0) throw new RfbFault('it refuses connections');
  if (!(await incoming.take(count)).includes(NO_SECURITY)) throw new RfbFault('it asks for a password');
  send(Buffer.from([NO_SECURITY]));
  if ((await incoming.take(4)).readUInt32BE() !== 0) throw new RfbFault('it refuses us');
  send(Buffer.from([SHARED]));

  const start = await incoming.take(24);
  const size = sizeOf(start.readUInt16BE(0), start.readUInt16BE(2));
  const nameBytes = start.readUInt32BE(20);
  if (nameBytes > MAX_NAME_BYTES) throw new RfbFault('its name is too long');
  await incoming.skip(nameBytes);
  send(pixelFormat());
  send(encodings([ENCODING_RAW, ENCODING_DESKTOP_SIZE]));
  return { ...size, incoming, send };
}

/** @throws RfbFault  the screen is larger than we take. */
export function sizeOf(width: number, height: number): { width: number; height: number } {
  if (width === 0 || height === 0) throw new RfbFault('its screen has no pixels');
  if (width > MAX_SIDE || height > MAX_SIDE || width * height * BYTES_PER_PIXEL > MAX_BYTES)
    throw new RfbFault(`its screen of ${width}x${height} pixels is too large`);
  return { width, height };
}

/** 32 bits a pixel, in memory: blue, green, red, nothing. QEMU's own, so it converts nothing. */
function pixelFormat(): Buffer {
  const message = Buffer.alloc(20);
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]).copy(message, 4);
  return message;
}

function encodings(kinds: number[]): Buffer {
  const message = Buffer.alloc(4 + kinds.length * 4);
  message.writeUInt8(2, 0);
  message.writeUInt16BE(kinds.length, 2);
  kinds.forEach((kind, index) => {
    message.writeInt32BE(kind, 4 + index * 4);
  });
  return message;
}
