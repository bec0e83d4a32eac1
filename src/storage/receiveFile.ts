import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { UploadCutOff } from '../domain/share.js';

/** How much goes to the disk at once, in bytes: sockets hand on far less at a time. */
const BATCH = 1024 * 1024;
/** The room on the disk is looked at again after as many bytes. */
const LOOK_EVERY = 64 * 1024 * 1024;

export interface Received {
  size: number;
  sha256: string;
}

/**
 * Writes all that the source gives. One batch is written while the next one comes and is hashed, so memory holds two, however
 * large the file. `hasRoom` throws when the disk is to take no more.
 * @throws UploadCutOff  another number of bytes came than was announced
 */
export async function receiveFile(
  file: FileHandle,
  source: AsyncIterable<Uint8Array>,
  announced: number | undefined,
  hasRoom: () => Promise<void>,
): Promise<Received> {
  const hash = createHash('sha256');
  let size = 0;
  let looked = 0;
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async () => {
    await writing;
    writing = writeAll(file, batch, batchBytes);
    writing.catch(() => {}); // it is awaited with the next batch
    batch = [];
    batchBytes = 0;
  };
  try {
    for await (const chunk of source) {
      size += chunk.byteLength;
      if (announced !== undefined && size > announced) break;
      hash.update(chunk);
      batch.push(chunk);
      batchBytes += chunk.byteLength;
      if (batchBytes < BATCH) continue;
      await flush();
      if (size - looked < LOOK_EVERY) continue;
      looked = size;
      await hasRoom();
    }
    await flush();
  } finally {
    await writing.catch(() => {}); // the file is closed next
  }
  await writing;
  if (announced !== undefined && size !== announced) throw new UploadCutOff(announced, size);
  return { size, sha256: hash.digest('hex') };
}

/** A disk that gets full takes a part of a write, and refuses the next. */
async function writeAll(file: FileHandle, batch: Uint8Array[], bytes: number): Promise<void> {
  if (bytes === 0) return;
  const { bytesWritten } = await file.writev(batch);
  if (bytesWritten === bytes) return;
  let rest = Buffer.concat(batch).subarray(bytesWritten);
  while (rest.byteLength > 0) rest = rest.subarray((await file.write(rest)).bytesWritten);
}
