import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pngSize } from '../../src/domain/screen.js';
import { encodePng } from '../../src/provisioner/encodePng.js';
import { decodePng } from './decodePng.js';

test('a picture comes back as it was, pixel for pixel', async () => {
  const frame = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
    .chain(([width, height]) =>
      fc
        .uint8Array({ minLength: width * height * 4, maxLength: width * height * 4 })
        .map((bytes) => ({ width, height, pixels: Buffer.from(bytes) })),
    );
  await fc.assert(
    fc.asyncProperty(frame, async ({ width, height, pixels }) => {
      const png = await encodePng({ width, height, pixels });

      const decoded = decodePng(png);
      expect(pngSize(png)).toEqual({ width, height });
      expect([decoded.width, decoded.height]).toEqual([width, height]);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const [blue = 0, green = 0, red = 0] = pixels.subarray((y * width + x) * 4);
          expect(decoded.at(x, y)).toBe(red * 65_536 + green * 256 + blue);
        }
    }),
    { numRuns: 30 },
  );
});

test('a picture of many bands is whole', async () => {
  const [width, height] = [1921, 1081];
  const pixels = Buffer.alloc(width * height * 4);
  for (let at = 0; at < width * height; at++) pixels.writeUInt32LE(at & 0xff_ff_ff, at * 4);

  const decoded = decodePng(await encodePng({ width, height, pixels }));

  for (const [x, y] of [
    [0, 0],
    [1920, 0],
    [7, 540],
    [1920, 1080],
  ] as const)
    expect(decoded.at(x, y)).toBe((y * width + x) & 0xff_ff_ff);
});
