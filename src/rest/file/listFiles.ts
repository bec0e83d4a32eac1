import type { Context } from 'hono';
import { checked, wholeNumberOf } from '../../actions/input.js';
import { unwrap } from '../../answers/refusals.js';
import type { Conflict, NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import type { Share, ShareEntry, SharePage, SharePath } from '../../domain/share.js';

/** One page of a folder. */
export async function listFiles(c: Context, share: Share, path: SharePath): Promise<SharePage | NotFound | Conflict> {
  const after = c.req.query('after');
  const asked = c.req.query('limit') ?? String(LIMITS.fileListItems.value);
  const limit = unwrap(
    checked(() =>
      wholeNumberOf('limit', /^\d{1,9}$/.test(asked) ? Number(asked) : Number.NaN, 1, LIMITS.fileListItems.value),
    ),
  );
  return share.list(path, { limit, ...(after !== undefined && { after }) });
}

export function fileEntryView(folder: SharePath, { name, kind, size, modifiedAt }: ShareEntry) {
  return { name, kind, size, modified_at: modifiedAt.toISOString(), path: [...folder, name].join('/') };
}
