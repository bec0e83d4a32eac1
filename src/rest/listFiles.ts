import type { Context } from 'hono';
import { checked, wholeNumberOf } from '../commands/input.js';
import type { Conflict, NotFound } from '../domain/errors.js';
import type { Share, ShareEntry, SharePath } from '../domain/share.js';
import { unwrap } from './refusals.js';

const MOST = 1000;

/** One page of a folder. `next` is what to give as `after` for the page that follows; null: there is none. */
export async function listFiles(
  c: Context,
  share: Share,
  path: SharePath,
): Promise<{ entries: ShareEntry[]; next: string | null } | NotFound | Conflict> {
  const after = c.req.query('after');
  const asked = c.req.query('limit') ?? String(MOST);
  const limit = unwrap(
    checked(() => wholeNumberOf('limit', /^\d{1,9}$/.test(asked) ? Number(asked) : Number.NaN, 1, MOST)),
  );
  const found = await share.list(path, { limit: limit + 1, ...(after !== undefined && { after }) });
  if (found instanceof Error) return found;
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? (entries.at(-1)?.name ?? null) : null };
}

export function fileEntryView(folder: SharePath, { name, kind, size, modifiedAt }: ShareEntry) {
  return { name, kind, size, modified_at: modifiedAt.toISOString(), path: [...folder, name].join('/') };
}
