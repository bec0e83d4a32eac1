import { setTimeout as sleep } from 'node:timers/promises';
import type { Click, MouseButton } from '../../domain/screen.js';
import type { RfbSession } from './session.js';
import { readUpdate, requestUpdate } from './update.js';

/** Between two events of the keyboard: the guest's own buffers hold 16 at most. */
export const KEY_PAUSE_MS = 10;
/** Between two events of the mouse, which the guest reads every few milliseconds. */
const MOUSE_PAUSE_MS = 30;

const BUTTON_BITS: Record<MouseButton, number> = { LEFT: 1, MIDDLE: 2, RIGHT: 4 };

/** Presses the keys of each chord in order and lets them go in reverse. Resolves when the server has taken them all. */
export async function pressChords(session: RfbSession, chords: readonly (readonly number[])[]): Promise<void> {
  for (const chord of chords) {
    for (const keysym of chord) await keyEvent(session, keysym, true);
    for (const keysym of chord.toReversed()) await keyEvent(session, keysym, false);
  }
  await taken(session);
}

/** Moves the mouse to a pixel and clicks there. Resolves when the server has taken it all. */
export async function clickAt(session: RfbSession, { x, y, button, count }: Click): Promise<void> {
  await pointerEvent(session, x, y, 0);
  for (let done = 0; done < count; done++) {
    await pointerEvent(session, x, y, BUTTON_BITS[button]);
    await pointerEvent(session, x, y, 0);
  }
  await taken(session);
}

async function keyEvent(session: RfbSession, keysym: number, down: boolean): Promise<void> {
  const message = Buffer.alloc(8);
  message.writeUInt8(4, 0);
  message.writeUInt8(down ? 1 : 0, 1);
  message.writeUInt32BE(keysym, 4);
  session.send(message);
  await sleep(KEY_PAUSE_MS);
}

async function pointerEvent(session: RfbSession, x: number, y: number, buttons: number): Promise<void> {
  const message = Buffer.alloc(6);
  message.writeUInt8(5, 0);
  message.writeUInt8(buttons, 1);
  message.writeUInt16BE(x, 2);
  message.writeUInt16BE(y, 4);
  session.send(message);
  await sleep(MOUSE_PAUSE_MS);
}

/** Messages are worked off in order: who answers a question has taken what was sent before it. */
async function taken(session: RfbSession): Promise<void> {
  const askForOnePixel = () => requestUpdate(session, { x: 0, y: 0, width: 1, height: 1 });
  do askForOnePixel();
  while ((await readUpdate(session, () => {})) === 'resized'); // that is told unasked
}
