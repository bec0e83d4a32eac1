import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32, createDeflate } from 'node:zlib';
import type { Frame } from './rfb/captureScreen.js';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Each byte of a row as the difference to the one above it. */
const FILTER_UP = 2;
/** Nothing else waits longer than for so many pixels. */
const BAND_PIXELS = 65_536;

/** The picture as PNG, 8 bits each of red, green and blue. The compression runs beside the event loop. */
export async function encodePng({ width, height, pixels }: Frame): Promise<Uint8Array> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const data = await buffer(Readable.from(bands(width, height, pixels)).pipe(createDeflate({ level: 4 })));
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function* bands(width: number, height: number, pixels: Buffer): Generator<Buffer> {
  const rowsEach = Math.max(1, Math.floor(BAND_PIXELS / width));
  for (let top = 0; top < height; top += rowsEach) {
    const rows = Math.min(rowsEach, height - top);
    const band = Buffer.alloc(rows * (1 + width * 3));
    let to = 0;
    for (let y = top; y < top + rows; y++) {
      band[to++] = FILTER_UP;
      const from = y * width * 4;
      const above = from - width * 4;
      for (let x = 0; x < width * 4; x += 4)
        for (const colour of [2, 1, 0])
          band[to++] = (pixels[from + x + colour] ?? 0) - (y === 0 ? 0 : (pixels[above + x + colour] ?? 0));
    }
    yield band;
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const whole = Buffer.alloc(data.length + 12);
  whole.writeUInt32BE(data.length, 0);
  whole.write(type, 4, 'latin1');
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), data.length + 8);
  return whole;
}
