import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CapacityExhausted, Conflict, InvalidInput, type NotFound, Unavailable } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { field, prose } from '../../domain/prose.js';
import { FileChanged, type OpenShareFile, type Share, type SharePath } from '../../domain/share.js';
import { described } from '../fields.js';
import { NO_HALVES } from '../input.js';

export interface SmallFile {
  path: SharePath;
  modifiedAt: Date;
  content: Buffer;
  /** Hex. */
  sha256: string;
}

const CONTENT_BASE64 = field('contentBase64');
const TEXT = field('text');

/** The bytes of a small file, in one of two ways. */
export const contentFields = {
  contentBase64: z.string().optional().meta(described`Its bytes. Give this or \`${TEXT}\`.`),
  text: z
    .string()
    .optional()
    .meta(described`Its text, kept as UTF-8 with line ends as they are. Give this or \`${CONTENT_BASE64}\`.`),
};

interface Content {
  contentBase64?: string | undefined;
  text?: string | undefined;
}

/** The bytes that a caller gave, in one of the two ways. `restPath` is where larger ones go. */
export function contentOf({ contentBase64, text }: Content, restPath: string): Buffer | InvalidInput {
  if ((contentBase64 == null) === (text == null)) {
    return new InvalidInput(CONTENT_BASE64, '', prose`Give either ${CONTENT_BASE64} or ${TEXT}.`);
  }
  const content = text == null ? fromBase64(contentBase64 ?? '') : Buffer.from(text);
  if (content === undefined) {
    return new InvalidInput(
      'contentBase64',
      contentBase64 ?? '',
      'Give base64 with its padding and without line breaks.',
    );
  }
  if (text?.isWellFormed() === false) {
    return new InvalidInput('text', text.toWellFormed(), NO_HALVES);
  }
  if (content.byteLength <= LIMITS.smallFileBytes.value) return content;
  return new InvalidInput(
    text == null ? 'contentBase64' : 'text',
    `${content.byteLength} bytes`,
    `Give at most ${LIMITS.smallFileBytes.value} bytes here; larger files go by PUT ${restPath}.`,
  );
}

/** Puts a small file into its place. */
export function writeSmallFile(
  share: Share,
  path: SharePath,
  content: Buffer,
  replace: boolean,
): Promise<{ size: number; sha256: string; replaced: boolean } | Conflict | CapacityExhausted | Unavailable> {
  async function* source() {
    yield content;
  }
  return refusing(() => share.write(path, source(), { replace, bytes: content.byteLength }));
}

/** Reads a small file whole. */
export function readSmallFile(
  share: Share,
  path: SharePath,
  restPath: string,
): Promise<SmallFile | NotFound | Conflict | Unavailable> {
  return refusing(async () => {
    const file = await share.open(path);
    if (file instanceof Error) return file;
    try {
      if (file.size > LIMITS.smallFileBytes.value) {
        return new Conflict(
          `the file has ${file.size} bytes, more than the ${LIMITS.smallFileBytes.value} that are given out here`,
          `Read it by GET ${restPath}.`,
        );
      }
      const content = await contentsOf(file);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return { path, modifiedAt: file.modifiedAt, content, sha256 };
    } catch (err) {
      if (!(err instanceof FileChanged)) throw err;
      return err;
    } finally {
      await file.close();
    }
  });
}

/** Where REST has a file of a VM. */
export function restPathOf(vmId: string, path: SharePath): string {
  return `/api/vms/instances/${vmId}/files/${path.map(encodeURIComponent).join('/')}`;
}

/** A share throws what makes it unusable as a whole; here that is an answer too. */
export async function refusing<T>(work: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await work();
  } catch (err) {
    if (err instanceof Unavailable) return err;
    // The disk is full, though nothing was to be written but a note of what is removed.
    if (err instanceof CapacityExhausted) return new Unavailable('storage', err.message, err.fix);
    throw err;
  }
}

async function contentsOf(file: OpenShareFile): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of file.read(0, file.size)) parts.push(part);
  return Buffer.concat(parts);
}

function fromBase64(text: string): Buffer | undefined {
  const content = Buffer.from(text, 'base64');
  return content.toString('base64') === text ? content : undefined;
}
