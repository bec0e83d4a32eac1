import { Conflict } from '../domain/errors.js';
import { Slots } from '../primitives/slots.js';

/** By folder; each holds a connection, an open file and a buffer. Shares come and go with the calls, so they can not count. */
const slots = new Slots(64);

/** Receives one more file into a share, unless it is receiving as many as it may. */
export async function withUploadSlot<T>(root: string, receive: () => Promise<T>): Promise<T | Conflict> {
  const free = slots.take(root);
  if (free === undefined) {
    return new Conflict(
      `${slots.most} files are being written into this share already`,
      `Write at most ${slots.most} files at once; try again when one of them is done.`,
    );
  }
  try {
    return await receive();
  } finally {
    free();
  }
}
