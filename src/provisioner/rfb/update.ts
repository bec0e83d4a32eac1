import { RfbFault } from './incoming.js';
import { BYTES_PER_PIXEL, ENCODING_DESKTOP_SIZE, type RfbSession, sizeOf } from './session.js';

const FRAMEBUFFER_UPDATE = 0;
const COLOUR_MAP = 1;
const BELL = 2;
const CUT_TEXT = 3;
const MAX_CUT_TEXT_BYTES = 1024 * 1024;

/** A part of the picture, in pixels. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Takes pixels of an area, in pieces that begin at `offset` bytes into it. */
export type Paint = (area: Area, offset: number, piece: Buffer) => void;

/** Asks for what an area shows, all of it or what changed since the last answer. */
export function requestUpdate(session: RfbSession, { x, y, width, height }: Area, onlyChanges = false): void {
  const message = Buffer.alloc(10);
  message.writeUInt8(3, 0);
  message.writeUInt8(onlyChanges ? 1 : 0, 1);
  for (const [index, value] of [x, y, width, height].entries()) message.writeUInt16BE(value, 2 + index * 2);
  session.send(message);
}

/**
 * Reads up to and with the next update. `resized`: the screen has another size now, which the session knows, and what was painted
 * before is not of it.
 */
export async function readUpdate(session: RfbSession, paint: Paint): Promise<'painted' | 'resized'> {
  await untilUpdate(session);
  const { incoming } = session;
  const count = (await incoming.take(3)).readUInt16BE(1);
  let outcome: 'painted' | 'resized' = 'painted';
  for (let at = 0; at < count; at++) {
    const head = await incoming.take(12);
    const area = {
      x: head.readUInt16BE(0),
      y: head.readUInt16BE(2),
      width: head.readUInt16BE(4),
      height: head.readUInt16BE(6),
    };
    const encoding = head.readInt32BE(8);
    if (encoding === ENCODING_DESKTOP_SIZE) {
      Object.assign(session, sizeOf(area.width, area.height));
      outcome = 'resized';
      continue;
    }
    if (encoding !== 0) throw new RfbFault(`it sends encoding ${encoding}, which was not offered`);
    if (area.x + area.width > session.width || area.y + area.height > session.height)
      throw new RfbFault('it paints outside its screen');
    let offset = 0;
    for await (const piece of incoming.pieces(area.width * area.height * BYTES_PER_PIXEL)) {
      if (outcome === 'painted') paint(area, offset, piece);
      offset += piece.length;
    }
  }
  return outcome;
}

/** Reads past what is not an update, and its type. */
async function untilUpdate({ incoming }: RfbSession): Promise<void> {
  for (;;) {
    const type = (await incoming.take(1)).readUInt8();
    switch (type) {
      case FRAMEBUFFER_UPDATE:
        return;
      case COLOUR_MAP:
        await incoming.skip((await incoming.take(5)).readUInt16BE(3) * 6);
        break;
      case BELL:
        break;
      case CUT_TEXT: {
        const length = (await incoming.take(7)).readUInt32BE(3);
        if (length > MAX_CUT_TEXT_BYTES) throw new RfbFault('its clipboard is too large');
        await incoming.skip(length);
        break;
      }
      default:
        throw new RfbFault(`it sends a message of the unknown type ${type}`);
    }
  }
}
