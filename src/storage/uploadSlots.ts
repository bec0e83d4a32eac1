import { Conflict } from '../domain/errors.js';

/** Each holds a connection, an open file and a buffer. */
const PARALLEL_UPLOADS = 64;

/** Folder → how many files it is just receiving. Shares come and go with the calls, so they can not count. */
const underWay = new Map<string, number>();

/** Receives one more file into a share, unless it is receiving as many as it may. */
export async function withUploadSlot<T>(root: string, receive: () => Promise<T>): Promise<T | Conflict> {
  const others = underWay.get(root) ?? 0;
  if (others >= PARALLEL_UPLOADS) {
    return new Conflict(
      `${others} files are being written into this share already`,
      `Write at most ${PARALLEL_UPLOADS} files at once; try again when one of them is done.`,
    );
  }
  underWay.set(root, others + 1);
  try {
    return await receive();
  } finally {
    const left = (underWay.get(root) ?? 1) - 1;
    if (left > 0) underWay.set(root, left);
    else underWay.delete(root);
  }
}
