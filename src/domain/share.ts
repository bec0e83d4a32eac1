/** What a machine and its callers hand each other: the folder that the guest sees as \\host.lan\Data. */
import { type CapacityExhausted, Conflict, type NotFound } from './errors.js';

/** A place in the share: names of folders and, last, of a file or folder. None is "..", empty or has a separator. */
export type SharePath = readonly string[];

export interface ShareEntry {
  name: string;
  kind: 'file' | 'folder';
  /** Bytes; 0 for a folder. */
  size: number;
  modifiedAt: Date;
}

export interface SharePage {
  /** Sorted by name. What goes while the page is read is not in it. */
  entries: ShareEntry[];
  /** What to give as `after` for the page that follows; null: there is none. */
  next: string | null;
}

export interface OpenShareFile {
  size: number;
  modifiedAt: Date;
  /** Changes when the content does: size and time of change. */
  etag: string;
  /** The bytes from `start` up to but not with `end`. Closes the file when it ends, fails or is left. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** SHA-256 of the whole content, hex. Reads it all. */
  sha256(): Promise<string>;
  close(): Promise<void>;
}

export interface WriteOrder {
  /** False: a file that is there already is a Conflict. */
  replace: boolean;
  /** How many bytes are announced; another number is an UploadCutOff. */
  bytes?: number;
  /** Hex; another content is a Conflict. */
  sha256?: string;
}

/**
 * Reads and writes below one machine's shared folder. The guest writes there at the same time and may be hostile: symbolic links are
 * never followed, at no place of a path, and what is neither file nor folder does not exist. Paths are checked already.
 * A file appears whole or not at all.
 */
export interface Share {
  /** Streams into a file; makes the folders on the way. Nothing is left when the source fails or is cut off. */
  write(
    path: SharePath,
    source: AsyncIterable<Uint8Array>,
    order: WriteOrder,
  ): Promise<{ size: number; sha256: string; replaced: boolean } | Conflict | CapacityExhausted>;
  open(path: SharePath): Promise<OpenShareFile | NotFound | Conflict>;
  /** The entries of at most `limit` names from the first one after `after`. An empty path is not listed. */
  list(path: SharePath, page: { after?: string; limit: number }): Promise<SharePage | NotFound | Conflict>;
  /** Removes a file, or a folder with all that is in it when `recursive`; false: it was not there. */
  remove(path: SharePath, recursive: boolean): Promise<boolean | Conflict>;
}

/** What the commands of a guest need of it: their batch files go there, what they write comes from there. */
export interface CommandShare {
  write: Share['write'];
  open(path: SharePath): Promise<Pick<OpenShareFile, 'size' | 'read'> | NotFound | Conflict>;
}

/** There is a file already, and it was not to be replaced. */
export class AlreadyThere extends Conflict {
  constructor(path: SharePath) {
    super(`there is a file ${JSON.stringify(path.join('/'))} already`, 'Take another name, or let it be replaced.');
  }
}

/** A file lost bytes while it was read: what was handed out is not what it holds. */
export class FileChanged extends Conflict {
  constructor(how: string) {
    super(`the file was changed while it was read: ${how}`, 'Read it again.');
  }
}

/** A source ended before all that it announced had come. */
export class UploadCutOff extends Error {
  constructor(
    readonly announced: number,
    readonly came: number,
  ) {
    super(`${came} of ${announced} bytes came`);
  }
}
