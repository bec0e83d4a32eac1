import { PassThrough } from 'node:stream';
import type { Context } from 'hono';
import { problem, unwrap } from '../../answers/refusals.js';
import { Conflict, InvalidInput, Refusal } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { type Share, type SharePath, UploadCutOff } from '../../domain/share.js';
import type { Logger } from '../../log.js';
import { shorten } from '../../primitives/shorten.js';
import { announcedSha256 } from './digest.js';
import { nodeOf } from './nodeOf.js';

/** A caller that sends nothing for this long is gone. Milliseconds. */
const STALL_MS = 60_000;
/** Pieces of a body, as the socket hands them on, that may wait for the disk. */
const BUFFERED_PIECES = 16;

export interface ReceiveOrder {
  path: SharePath;
  released: AbortSignal;
  /** More are refused. */
  maxBytes?: number;
  log: Logger;
}

export type Kept = Exclude<Awaited<ReturnType<Share['write']>>, Refusal>;

/**
 * Streams a request's body into a file. Node's own stream: the web's costs more than the disk. Answers the response where the caller
 * broke off; refusals are thrown.
 */
export async function receiveFile(
  c: Context,
  share: Share,
  { path, released, maxBytes = Number.MAX_SAFE_INTEGER, log }: ReceiveOrder,
): Promise<Kept | Response> {
  const unfit = unfitType(c);
  if (unfit) return unfit;
  const { incoming, outgoing } = nodeOf(c);
  const order = orderOf(c, maxBytes);
  const body = new PassThrough({ readableObjectMode: true, readableHighWaterMark: BUFFERED_PIECES });
  let came = 0;
  const fail = (err: Error) => void body.destroy(err);
  const cutOff = () => {
    if (!incoming.complete) fail(new UploadCutOff(order.bytes ?? came, came));
  };
  const leave = () => fail(new Conflict('the VM is being released', 'Have another VM assigned.'));
  incoming.once('error', fail).once('close', cutOff);
  released.addEventListener('abort', leave, { once: true });
  body.on('error', () => {}); // whoever reads from it is told
  if (released.aborted) leave();
  else if (incoming.destroyed) cutOff();
  incoming.setTimeout(STALL_MS, () => incoming.destroy());
  async function* source(): AsyncGenerator<Uint8Array> {
    // Not before the share has found nothing to refuse: then the caller need not send what nobody reads.
    if (incoming.headers.expect !== undefined) outgoing.writeContinue();
    incoming.pipe(body);
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      came += chunk.byteLength;
      if (came > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  }
  try {
    return unwrap(await share.write(path, source(), order));
  } catch (err) {
    if (err instanceof Refusal || (!incoming.destroyed && !(err instanceof UploadCutOff))) throw err;
    log.debug({ err, path: c.req.path }, 'an upload was cut off');
    const fix = 'Send it again; nothing of it was kept.';
    return c.json(problem('UPLOAD_CUT_OFF', 'the body ended before all of it had come', fix), 400);
  } finally {
    incoming.unpipe(body);
    incoming.off('error', fail).off('close', cutOff);
    incoming.on('error', () => {}); // a caller that leaves now changes nothing
    released.removeEventListener('abort', leave);
    incoming.setTimeout(0);
    body.destroy();
  }
}

/** A form is no file: it holds one, at best, in a wrapping that would be kept with it. That is also what curl says of --data-binary. */
function unfitType(c: Context): Response | undefined {
  const given = c.req.header('content-type');
  if (given === undefined) return undefined;
  const type = given.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const isMedia = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/.test(type);
  if (isMedia && !type.startsWith('multipart/') && type !== 'application/x-www-form-urlencoded') return undefined;
  const message = `the body has the Content-Type ${JSON.stringify(shorten(given, LIMITS.echoedCharacters.value))}, which is no file`;
  const fix =
    'Send the bytes of the file alone, as application/octet-stream: curl -T FILE, or curl -X PUT --data-binary @FILE -H "Content-Type: application/octet-stream".';
  return c.json(problem('MALFORMED', message, fix), 415);
}

function orderOf(c: Context, maxBytes: number) {
  const sha256 = unwrap(announcedSha256((name) => c.req.header(name), c.req.query('sha256')));
  const onlyNew = c.req.header('if-none-match');
  if (onlyNew !== undefined && onlyNew.trim() !== '*')
    throw new InvalidInput('if-none-match', onlyNew, 'Give * so as not to replace a file, or leave it out.');
  for (const name of ['if-match', 'content-range', 'content-encoding']) {
    const given = c.req.header(name);
    if (given !== undefined) throw new InvalidInput(name, given, 'Leave it out: a file is sent whole and as it is.');
  }
  const length = c.req.header('content-length');
  const bytes = length === undefined ? undefined : Number(length);
  if (bytes !== undefined && bytes > maxBytes) throw tooLarge(maxBytes);
  return {
    replace: onlyNew === undefined,
    ...(bytes !== undefined && { bytes }),
    ...(sha256 !== undefined && { sha256 }),
  };
}

const tooLarge = (maxBytes: number) =>
  new InvalidInput('content-length', `more than ${maxBytes}`, `Give files of at most ${maxBytes} bytes.`);
