import { crc32, deflateSync } from 'node:zlib';
import { height, width } from './screen.js';

/** What `screendump` writes: PPM, or PNG with `-f png`. */
export function pictureFile(pixels: Buffer, format: string): Buffer {
  if (format !== 'png') return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), pixels]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt16BE(0x08_02, 8); // eight bits a channel, RGB
  const rows = Array.from({ length: height }, (_, y) => pixels.subarray(y * width * 3, (y + 1) * width * 3));
  const filtered = Buffer.concat(rows.flatMap((row) => [Buffer.alloc(1), row]));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(filtered)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
