import { crc32, inflateSync } from 'node:zlib';

export interface Decoded {
  width: number;
  height: number;
  /** Red, green and blue at a pixel, as one number. */
  at: (x: number, y: number) => number;
}

/** Reads a PNG of 8-bit red, green and blue as its specification says, with every check of it. */
export function decodePng(png: Uint8Array): Decoded {
  const file = Buffer.from(png);
  if (file.subarray(0, 8).toString('hex') !== '89504e470d0a1a0a') throw new Error('no PNG');
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const data = file.subarray(at + 8, at + 8 + length);
    if (file.readUInt32BE(at + 8 + length) !== crc32(file.subarray(at + 4, at + 8 + length)))
      throw new Error('bad CRC');
    chunks.push({ type: file.toString('latin1', at + 4, at + 8), data });
    at += 12 + length;
  }
  const [head] = chunks;
  if (head?.type !== 'IHDR' || chunks.at(-1)?.type !== 'IEND') throw new Error('not whole');
  const width = head.data.readUInt32BE(0);
  const height = head.data.readUInt32BE(4);
  if (head.data.subarray(8).toString('hex') !== '0802000000') throw new Error('not 8-bit RGB');
  const raw = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  const row = width * 3;
  if (raw.length !== height * (row + 1)) throw new Error('wrong length');
  const pixels = Buffer.alloc(height * row);
  for (let y = 0; y < height; y++) {
    if (raw[y * (row + 1)] !== 2) throw new Error('not the filter that is expected');
    for (let x = 0; x < row; x++)
      pixels[y * row + x] = (raw[y * (row + 1) + 1 + x] ?? 0) + (y === 0 ? 0 : (pixels[(y - 1) * row + x] ?? 0));
  }
  return { width, height, at: (x, y) => pixels.readUIntBE(y * row + x * 3, 3) };
}
