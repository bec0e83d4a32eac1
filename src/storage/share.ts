import { constants, open, rename, rm, rmdir, statfs, unlink } from 'node:fs/promises';
import { CapacityExhausted, Conflict, NotFound, Refusal } from '../domain/errors.js';
import type { Share, SharePath, WriteOrder } from '../domain/share.js';
import { diskRefusal } from './diskRefusal.js';
import { draftIn } from './drafts.js';
import { errno } from './errno.js';
import { type HeldFolder, holdFolder } from './heldFolder.js';
import { listFolder } from './listFolder.js';
import { openShareFile } from './openShareFile.js';
import { publishFile, refuseAhead } from './publishFile.js';
import { type Received, receiveFile } from './receiveFile.js';
import type { Receptions } from './receptions.js';
import { removeTree } from './removeTree.js';

/** Left free for the disks of VMs, which stop when there is no room to write. Bytes. */
const RESERVE = 1024 ** 3;
const FILE_MODE = 0o666;

export interface ShareOptions {
  /** The folder; whoever else can write to it can not change what its own path leads to. */
  root: string;
  /** Where files are put together: on the same file system, seen by nobody else. */
  uploads: string;
  /** Bytes that stay free. */
  reserveBytes?: number;
  /**
   * Forces each file to the disk before it appears, so that it outlives a loss of power. A VM does not outlive that, and its files with
   * it: there this would only cost, most of the time that a large file takes.
   */
  durable?: boolean;
}

/**
 * The files below a folder in which a guest, hostile maybe, writes at the same time. A path is gone along one held folder after the other,
 * so that no rename, link, pipe or device that is put in the way leads anywhere else.
 * @throws Unavailable  the file system is read-only, or not ours to write to
 */
export function createShare(
  { root, uploads, reserveBytes = RESERVE, durable = false }: ShareOptions,
  receptions: Receptions,
): Share {
  async function hasRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(root);
    const room = bavail * bsize - reserveBytes;
    if (room >= bytes) return;
    throw new CapacityExhausted(
      'disk',
      `the storage has room for ${Math.max(0, room)} more bytes of files`,
      'Delete files, VMs or golden images that are not needed any more.',
    );
  }

  /** Works in the folder that holds the last name of `path`. */
  async function inFolder<T, M>(
    path: SharePath,
    missing: M,
    work: (folder: HeldFolder, name: string) => Promise<T>,
    make = false,
  ): Promise<T | M | Conflict> {
    const name = path.at(-1);
    if (name === undefined) return missing;
    const folder = await holdFolder(root, path.slice(0, -1), make);
    if (folder === 'missing') return missing;
    if (folder === 'not a folder') return make ? notAFolder(path) : missing;
    try {
      return await work(folder, name);
    } finally {
      await folder.close();
    }
  }

  async function receive(draft: string, source: AsyncIterable<Uint8Array>, order: WriteOrder): Promise<Received> {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    const file = await open(draft, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, FILE_MODE);
    try {
      await file.chmod(FILE_MODE); // the process's umask took from it
      const received = await receiveFile(file, source, order.bytes, () => hasRoom(0));
      if (durable) await file.sync();
      return received;
    } finally {
      await file.close();
    }
  }

  async function write(
    path: SharePath,
    source: AsyncIterable<Uint8Array>,
    order: WriteOrder,
  ): Promise<(Received & { replaced: boolean }) | Conflict> {
    await receptions.sweepNowAndThen(uploads);
    await hasRoom(order.bytes ?? 0);
    const refused = await inFolder(path, undefined, (folder, name) =>
      refuseAhead(folder.at(name), path, order.replace),
    );
    if (refused) return refused;
    const draft = await draftIn(uploads);
    try {
      const received = await receive(draft, source, order);
      const expected = order.sha256?.toLowerCase();
      if (expected !== undefined && expected !== received.sha256) {
        return new Conflict(
          `what came has the SHA-256 ${received.sha256}, not ${expected.slice(0, 64)}`,
          'Send the file again; it was changed on its way, or the sum is another file’s.',
        );
      }
      const put = await inFolder(
        path,
        undefined,
        (folder, name) => publishFile(draft, folder.at(name), path, order.replace),
        true,
      );
      if (put === undefined) return gone();
      return put instanceof Conflict ? put : { ...received, ...put };
    } finally {
      await rm(draft, { force: true });
    }
  }

  const share: Share = {
    async write(path, source, order) {
      try {
        return await receptions.receive(root, () => write(path, source, order));
      } catch (fault) {
        if (fault instanceof CapacityExhausted) return fault;
        if (errno(fault) === 'EFBIG') {
          return new CapacityExhausted('disk', 'the file is larger than the storage takes', 'Split it.');
        }
        const refusal = diskRefusal(fault, root);
        if (refusal instanceof CapacityExhausted) return refusal;
        if (errno(fault) === 'ENOENT') return gone(); // of the place for uploads: the machine went meanwhile
        throw refusal ?? fault;
      }
    },

    open: (path) =>
      inWords(root, async () => {
        const missing = new NotFound('file', path.join('/'));
        const found = await inFolder(path, missing, (folder, name) => openShareFile(folder.at(name)));
        switch (found) {
          case 'missing':
            return missing;
          case 'folder':
            return new Conflict(`${JSON.stringify(path.join('/'))} is a folder`, 'List it, or name a file in it.');
          case 'in use':
            return new Conflict(`${JSON.stringify(path.join('/'))} is in use`, 'Try again in a moment.');
          default:
            return found;
        }
      }),

    list: (path, page) =>
      inWords(root, async () => {
        const missing = new NotFound('file', path.join('/'));
        const folder = path.length === 0 ? 'missing' : await holdFolder(root, path);
        if (folder === 'missing') return missing;
        if (folder === 'not a folder') {
          const file = await share.open(path);
          if (file instanceof Refusal) return missing;
          await file.close();
          return new Conflict(`${JSON.stringify(path.join('/'))} is not a folder`, 'Name a folder.');
        }
        try {
          return await listFolder(folder, page);
        } finally {
          await folder.close();
        }
      }),

    remove: (path, recursive) =>
      inWords(root, () =>
        inFolder(path, false, (folder, name) =>
          recursive ? removeAll(folder.at(name), uploads) : removeOne(folder.at(name), path),
        ),
      ),
  };
  return share;
}

async function removeOne(place: string, path: SharePath): Promise<boolean | Conflict> {
  try {
    await unlink(place).catch(async (fault: unknown) => {
      if (errno(fault) !== 'EISDIR' && errno(fault) !== 'EPERM') throw fault;
      await rmdir(place);
    });
    return true;
  } catch (fault) {
    if (['ENOENT', 'ENAMETOOLONG'].includes(errno(fault) ?? '')) return false;
    if (errno(fault) !== 'ENOTEMPTY' && errno(fault) !== 'EEXIST') throw fault;
    return new Conflict(`the folder ${JSON.stringify(path.join('/'))} is not empty`, 'Remove it recursively.');
  }
}

/** Out of everybody's sight at once, then for good. */
async function removeAll(place: string, uploads: string): Promise<boolean> {
  const grave = await draftIn(uploads);
  try {
    await rename(place, grave);
  } catch (fault) {
    if (['ENOENT', 'ENAMETOOLONG'].includes(errno(fault) ?? '')) return false;
    throw fault;
  }
  await removeTree(grave, uploads);
  return true;
}

async function inWords<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    throw diskRefusal(fault, root) ?? fault;
  }
}

const gone = () => new Conflict('the machine and its files are gone', 'Have another VM assigned.');
const notAFolder = (path: SharePath) =>
  new Conflict(
    `a part of ${JSON.stringify(path.slice(0, -1).join('/'))} is a file or a link, not a folder`,
    'Take another path, or remove what stands there.',
  );
