import { once } from 'node:events';
import type { Context } from 'hono';
import { problem } from '../../answers/refusals.js';
import { Conflict } from '../../domain/errors.js';
import type { OpenShareFile } from '../../domain/share.js';
import type { Logger } from '../../log.js';
import { digestField, wantsSha256 } from './digest.js';
import { nodeOf } from './nodeOf.js';
import { isStillThat, namesTag, type Part, partOf } from './range.js';

/** A caller that takes nothing for this long is gone. Milliseconds. */
const STALL_MS = 5 * 60_000;

/**
 * Answers with a file or the part of it that is asked for; closes it. The bytes go straight into Node's response, one batch at a time as
 * the caller takes them. A file that turns out shorter than was announced, or a `released` that aborts, breaks the connection off: whoever
 * reads must not take what came for the whole.
 */
export async function sendFile(
  c: Context,
  file: OpenShareFile,
  { name, released, log }: { name: string; released: AbortSignal; log: Logger },
): Promise<Response> {
  const tag = `"${file.etag}"`;
  const headers: Record<string, string> = {
    'Accept-Ranges': 'bytes',
    'Content-Disposition': contentDisposition(name),
    'Content-Type': 'application/octet-stream',
    ETag: tag,
    'Last-Modified': file.modifiedAt.toUTCString(),
  };
  try {
    if (namesTag(c.req.header('if-none-match'), tag)) return c.body(null, 304, headers);
    const asked = isStillThat(c.req.header('if-range'), tag, file.modifiedAt) ? c.req.header('range') : undefined;
    const part = partOf(c.req.method === 'HEAD' ? undefined : asked, file.size);
    if (part === 'unsatisfiable') {
      const body = problem('RANGE_NOT_SATISFIABLE', `the file has ${file.size} bytes`, 'Ask for a part of those.');
      return c.json(body, 416, { 'Content-Range': `bytes */${file.size}` });
    }
    const { start, end } = part ?? { start: 0, end: file.size };
    if (part) headers['Content-Range'] = `bytes ${start}-${end - 1}/${file.size}`;
    if (wantsSha256(c.req.header('want-repr-digest')))
      headers['Repr-Digest'] = digestField(await sha256Of(c, file, released));
    headers['Content-Length'] = String(end - start);
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    for (const [key, value] of Object.entries(headers)) c.header(key, value);
    await stream(c, file, { start, end }, { status: part ? 206 : 200, released, log });
    return c.body(null, 200, { 'x-hono-already-sent': 'true' });
  } finally {
    await file.close();
  }
}

async function stream(
  c: Context,
  file: OpenShareFile,
  { start, end }: Part,
  { status, released, log }: { status: number; released: AbortSignal; log: Logger },
): Promise<void> {
  const { outgoing } = nodeOf(c);
  const over = new AbortController();
  const breakOff = () => over.abort();
  outgoing.once('close', breakOff);
  released.addEventListener('abort', breakOff, { once: true });
  if (released.aborted || outgoing.destroyed) breakOff();
  outgoing.setTimeout(STALL_MS, () => outgoing.destroy());
  try {
    outgoing.writeHead(status, Object.fromEntries(c.res.headers));
    for await (const chunk of file.read(start, end)) {
      over.signal.throwIfAborted();
      if (!outgoing.write(chunk)) await once(outgoing, 'drain', { signal: over.signal });
    }
    over.signal.throwIfAborted();
    outgoing.end();
  } catch (err) {
    // The caller left, the VM was released, or the guest changed the file. Nothing more can be said on this connection.
    log.debug({ err, path: c.req.path }, 'a download was cut off');
    outgoing.destroy();
  } finally {
    released.removeEventListener('abort', breakOff);
    if (!outgoing.destroyed) outgoing.setTimeout(0);
  }
}

/**
 * The sum of the whole file, for as long as somebody waits for it: a guest makes a file of terabytes out of nothing, and hours of work
 * of each caller that asks and leaves.
 */
async function sha256Of(c: Context, file: OpenShareFile, released: AbortSignal): Promise<string> {
  const { outgoing } = nodeOf(c);
  const isOver = () => released.aborted || outgoing.destroyed;
  const breakOff = () => void file.close().catch(() => {}); // what reads from it fails
  outgoing.once('close', breakOff);
  released.addEventListener('abort', breakOff, { once: true });
  if (isOver()) breakOff();
  try {
    return await file.sha256();
  } catch (err) {
    if (isOver()) throw new Conflict('the VM is being released', 'Have another VM assigned.');
    throw err;
  } finally {
    outgoing.off('close', breakOff);
    released.removeEventListener('abort', breakOff);
  }
}

/** By RFC 6266: plain letters for old clients, and the name itself, percent-encoded. */
function contentDisposition(name: string): string {
  const plain = name.toWellFormed().replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const whole = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*!]/g, (sign) => `%${hex(sign)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`;
}

const hex = (sign: string) => sign.charCodeAt(0).toString(16).toUpperCase();
