import { createServer, type Server, type Socket } from 'node:net';
import { PixelFormat } from './pixelFormat.js';
import { height, type Screen, width } from './screen.js';

/** RFB 3.8 without password: the whole picture in raw encoding, keys and pointer go to the screen. */
export function vncServer(title: string, screen: Screen): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    talk(socket, title, screen).catch(() => socket.destroy());
  });
}

async function talk(socket: Socket, title: string, screen: Screen): Promise<void> {
  const take = reader(socket);
  socket.write('RFB 003.008\n');
  await take(12);
  socket.write(Buffer.from([1, 1]));
  await take(1);
  socket.write(Buffer.alloc(4));
  await take(1);
  socket.write(serverInit(title));

  let format = new PixelFormat(PixelFormat.offered);
  let fresh = true;
  let wanted = false;
  const answer = () => {
    if (!wanted || !fresh) return;
    wanted = false;
    fresh = false;
    socket.write(update(format.encode(screen.pixels())));
  };
  const changed = () => {
    fresh = true;
    answer();
  };
  screen.on('changed', changed);
  socket.once('close', () => screen.off('changed', changed));
  for (;;) {
    const [type] = await take(1);
    if (type === 0) {
      format = new PixelFormat((await take(19)).subarray(3));
      fresh = true;
    } else if (type === 2) await take((await take(3)).readUInt16BE(1) * 4);
    else if (type === 3) {
      const incremental = (await take(9))[0] !== 0;
      wanted = true;
      fresh ||= !incremental;
      answer();
    } else if (type === 4) {
      const event = await take(7);
      if (event[0] !== 0) screen.press(event.readUInt32BE(3));
    } else if (type === 5) {
      const event = await take(5);
      screen.point(event.readUInt16BE(1), event.readUInt16BE(3), event[0] ?? 0);
    } else if (type === 6) await take((await take(7)).readUInt32BE(3));
    else return void socket.destroy();
  }
}

function serverInit(title: string): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt16BE(width, 0);
  size.writeUInt16BE(height, 2);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(title));
  return Buffer.concat([size, PixelFormat.offered, length, Buffer.from(title)]);
}

/** One rectangle that is everything. */
function update(pixels: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(width, 8);
  head.writeUInt16BE(height, 10);
  return Buffer.concat([head, pixels]);
}

function reader(socket: Socket): (length: number) => Promise<Buffer> {
  let received = Buffer.alloc(0);
  let wake = () => {};
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  const closed = new Promise<never>((_, reject) => socket.on('close', () => reject(new Error('closed'))));
  closed.catch(() => {});
  return async (length) => {
    while (received.length < length) {
      await Promise.race([
        closed,
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
      ]);
    }
    const taken = received.subarray(0, length);
    received = received.subarray(length);
    return taken;
  };
}
