import { RfbFault } from './incoming.js';
import { BYTES_PER_PIXEL, type RfbSession } from './session.js';
import { type Area, readUpdate, requestUpdate } from './update.js';

/** Each costs the memory of a picture. A guest that starts goes through three or so in a minute. */
const MAX_SIZES = 5;

/** A picture: four bytes a pixel, blue, green, red and one without meaning, row by row from the top. */
export interface Frame {
  width: number;
  height: number;
  pixels: Buffer;
}

/** The whole screen as it is now. A guest that changes its resolution meanwhile is asked again. */
export async function captureScreen(session: RfbSession): Promise<Frame> {
  for (let sizes = 0; sizes < MAX_SIZES; sizes++) {
    const { width, height } = session;
    const pixels = Buffer.alloc(width * height * BYTES_PER_PIXEL);
    const whole: Area = { x: 0, y: 0, width, height };
    // A server may answer with parts: it is whole when as many pixels came as there are.
    let missing = width * height;
    requestUpdate(session, whole);
    let outcome: 'painted' | 'resized' = 'painted';
    while (missing > 0 && outcome === 'painted') {
      outcome = await readUpdate(session, (area, offset, piece) => {
        copyPiece(pixels, width, area, offset, piece);
        missing -= piece.length / BYTES_PER_PIXEL;
      });
      if (missing > 0 && outcome === 'painted') requestUpdate(session, whole, true);
    }
    if (outcome === 'painted') return { width, height, pixels };
  }
  throw new RfbFault('it changes its size all the time');
}

/** A piece may begin and end in the middle of a row of its area. */
function copyPiece(pixels: Buffer, width: number, area: Area, offset: number, piece: Buffer): void {
  const rowBytes = area.width * BYTES_PER_PIXEL;
  for (let at = 0; at < piece.length; ) {
    const inRow = (offset + at) % rowBytes;
    const y = area.y + Math.floor((offset + at) / rowBytes);
    const length = Math.min(rowBytes - inRow, piece.length - at);
    piece.copy(pixels, (y * width + area.x) * BYTES_PER_PIXEL + inRow, at, at + length);
    at += length;
  }
}
