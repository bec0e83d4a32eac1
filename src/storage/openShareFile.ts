import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { FileChanged, type OpenShareFile } from '../domain/share.js';
import { errno } from './errno.js';
import { O_PATH } from './heldFolder.js';

/** Bytes that are read at once. */
const CHUNK = 512 * 1024;

/**
 * Opens what stands at `path`, whose last step is not followed when it is a link. It is first looked at and then opened, the same
 * one: opening a device could do something, and a pipe would wait for its other end.
 */
export async function openShareFile(path: string): Promise<OpenShareFile | 'missing' | 'folder' | 'in use'> {
  let named: FileHandle;
  try {
    named = await open(path, O_PATH | constants.O_NOFOLLOW);
  } catch (fault) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ENXIO'].includes(errno(fault) ?? '')) return 'missing';
    throw fault;
  }
  try {
    const seen = await named.stat();
    if (seen.isDirectory()) return 'folder';
    if (!seen.isFile()) return 'missing';
    const file = await open(`/proc/self/fd/${named.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    return await handOut(file).catch(async (fault: unknown) => {
      await file.close();
      throw fault;
    });
  } catch (fault) {
    // Another program has a lease on it.
    if (errno(fault) === 'EAGAIN') return 'in use';
    throw fault;
  } finally {
    await named.close();
  }
}

async function handOut(file: FileHandle): Promise<OpenShareFile> {
  const stat = await file.stat({ bigint: true });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= file.close();
    return closed;
  };
  return {
    size: Number(stat.size),
    modifiedAt: stat.mtime,
    // The time of change, unlike that of modification, can't be set by whoever writes the file.
    etag: [stat.size, stat.ino, stat.ctimeNs].map((part) => part.toString(36)).join('-'),
    read: (start, end) => read(file, start, end, close),
    sha256: () => sha256(file, Number(stat.size)),
    close,
  };
}

/** Reads one chunk ahead of what was taken. */
async function* read(file: FileHandle, start: number, end: number, close: () => Promise<void>) {
  let next: Promise<Buffer> | undefined;
  const readAt = (at: number) => {
    const chunk = readChunk(file, Buffer.allocUnsafeSlow(Math.min(CHUNK, end - at)), at);
    chunk.catch(() => {}); // it is awaited when it is its turn
    return chunk;
  };
  try {
    for (let at = start; at < end; ) {
      const chunk = await (next ?? readAt(at));
      if (chunk.byteLength === 0) throw new FileChanged(`it ended at ${at}, before byte ${end}`);
      at += chunk.byteLength;
      next = at < end ? readAt(at) : undefined;
      yield chunk;
    }
  } finally {
    await next?.catch(() => {});
    await close();
  }
}

async function readChunk(file: FileHandle, buffer: Buffer, at: number): Promise<Buffer> {
  const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at);
  return buffer.subarray(0, bytesRead);
}

async function sha256(file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(size, 1)));
  for (let at = 0; at < size; ) {
    const chunk = await readChunk(file, buffer.subarray(0, Math.min(buffer.byteLength, size - at)), at);
    if (chunk.byteLength === 0) throw new FileChanged(`it ended at ${at}, before byte ${size}`);
    hash.update(chunk);
    at += chunk.byteLength;
  }
  return hash.digest('hex');
}
