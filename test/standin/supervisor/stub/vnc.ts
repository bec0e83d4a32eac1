import { createServer, type Server, type Socket } from 'node:net';

const width = 640;
const height = 360;

/** RFB 3.8 without password and with a still, plain picture. */
export function vncServer(title: string): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    talk(socket, title).catch(() => socket.destroy());
  });
}

async function talk(socket: Socket, title: string): Promise<void> {
  const take = reader(socket);
  socket.write('RFB 003.008\n');
  await take(12);
  socket.write(Buffer.from([1, 1]));
  await take(1);
  socket.write(Buffer.alloc(4));
  await take(1);
  socket.write(serverInit(title));
  let bytesPerPixel = 4;
  for (;;) {
    const [type] = await take(1);
    if (type === 0) bytesPerPixel = ((await take(19))[3] ?? 32) / 8;
    else if (type === 2) await take((await take(3)).readUInt16BE(1) * 4);
    else if (type === 3) {
      // Nothing ever changes, so an incremental request is never answered.
      if ((await take(9))[0] === 0) socket.write(picture(bytesPerPixel));
    } else if (type === 4) await take(7);
    else if (type === 5) await take(5);
    else if (type === 6) await take((await take(7)).readUInt32BE(3));
    else return void socket.destroy();
  }
}

function serverInit(title: string): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt16BE(width, 0);
  head.writeUInt16BE(height, 2);
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]).copy(head, 4);
  head.writeUInt32BE(Buffer.byteLength(title), 20);
  return Buffer.concat([head, Buffer.from(title)]);
}

function picture(bytesPerPixel: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(width, 8);
  head.writeUInt16BE(height, 10);
  return Buffer.concat([head, Buffer.alloc(width * height * bytesPerPixel, 0x55)]);
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

export function screenPicture(): Buffer {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), Buffer.alloc(width * height * 3, 0x55)]);
}
