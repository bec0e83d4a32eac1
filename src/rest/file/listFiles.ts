import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { wholeNumber } from '../../actions/fields.js';
import { readInput } from '../../actions/readInput.js';
import type { Conflict, NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import type { Share, ShareEntry, SharePage, SharePath } from '../../domain/share.js';
import { asked } from '../verbs.js';

const MOST = LIMITS.fileListItems.value;

export const LISTED = readInput('GET /api/vms/instances/{instance_id}/files/{path}', {
  after: z.string().optional().describe('For a folder: what comes after this name.'),
  limit: wholeNumber(1, MOST).default(MOST).describe('For a folder: how many at most.'),
});

/** One page of a folder. */
export async function listFiles(c: Context, share: Share, path: SharePath): Promise<SharePage | NotFound | Conflict> {
  const { after, limit } = asked(c, LISTED);
  return share.list(path, { limit, ...(after !== undefined && { after }) });
}

export function fileEntryView(folder: SharePath, { name, kind, size, modifiedAt }: ShareEntry) {
  return { name, kind, size, modified_at: modifiedAt.toISOString(), path: [...folder, name].join('/') };
}
