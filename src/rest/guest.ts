import { Hono } from 'hono';
import { reportInstalled, reportVmReady } from '../commands/reportGuest.js';
import type { Db } from '../db/client.js';
import { type Deployment, machineOfToken } from '../db/deployment.js';
import { getImage } from '../db/images.js';
import { getVm } from '../db/vms.js';
import type { Write } from '../db/write.js';
import { imageTransition } from '../domain/image.js';
import { vmActions } from '../domain/vm.js';
import type { Logger } from '../log.js';
import { answerFault } from './faults.js';
import { type GuestMessage, parseGuestReport } from './guestReport.js';
import { answerNoRoute } from './noRoute.js';
import { RateLimit } from './rateLimit.js';
import { addWebhookRoutes } from './webhook.js';

const MAX_BODY_BYTES = 16 * 1024;
/** Our tokens are about 80 characters long. */
const MAX_TOKEN_LENGTH = 200;
const REPORTS_PER_SECOND = 10;

export interface GuestRoutesOptions {
  db: Db;
  write: Write;
  deployment: Deployment;
  /** With `rdp` the word of a VM's guest counts for nothing: a probe decides. */
  readiness: 'agent' | 'rdp' | 'either';
  log: Logger;
  /** Milliseconds that only go forward, for the rate limits. */
  now?: () => number;
}

export interface GuestRoutes {
  /** `env` is what the server knows of the connection. */
  fetch: (request: Request, env?: object) => Promise<Response>;
}

/**
 * What guests may call, on a listener of their own. Everything from there is hostile: sizes and rates are bounded, each token
 * is good for one machine, and no answer holds anything of what was sent.
 */
export function createGuestRoutes(options: GuestRoutesOptions): GuestRoutes {
  const app = new Hono();
  const limit = new RateLimit(REPORTS_PER_SECOND, options.now);

  app.post('/guest/v1/ready', async (c) => {
    const token = /^Bearer ([\w.-]+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    const machineId = token.length > MAX_TOKEN_LENGTH ? undefined : machineOfToken(options.deployment, token);
    if (machineId === undefined) return c.text('unknown token\n', 401, { 'WWW-Authenticate': 'Bearer' });
    if (!limit.allows(machineId)) return c.text('too many reports\n', 429, { 'Retry-After': '1' });
    const body = await boundedText(c.req.raw, MAX_BODY_BYTES);
    if (body === undefined) return c.text('the report is too long\n', 413, { Connection: 'close' });
    const message = parseGuestReport(body);
    if ('malformed' in message) return c.text(`${message.malformed}\n`, 400);
    const over = (await note(options, machineId, message)) === 'over';
    return over ? c.text('this machine is over\n', 410) : c.text('ok\n', 200);
  });

  addWebhookRoutes(app, options);

  app.notFound((c) => answerNoRoute(c, app.routes, 'Guests report with POST /guest/v1/ready.'));
  app.onError((err, c) => answerFault(c, err, options.log));
  return { fetch: async (request, env) => app.fetch(request, env) };
}

async function note(
  { db, write, readiness }: GuestRoutesOptions,
  machineId: string,
  { phase, facts }: GuestMessage,
): Promise<'over' | 'ok'> {
  const vm = await getVm(db, machineId);
  if (vm !== null) {
    if (vmActions(vm.status).length === 0) return 'over';
    if (phase !== 'ready' || readiness === 'rdp') return 'ok';
    const report = await reportVmReady({ write }, machineId, 'guest', facts);
    return report === 'gone' || report === 'unknown' ? 'over' : 'ok';
  }
  const image = await getImage(db, machineId);
  if (
    image === null ||
    (image.status !== 'READY' && image.status !== 'SEALING' && imageTransition(image.status, 'INSTALLED') === undefined)
  ) {
    return 'over';
  }
  if (phase !== 'installed') return 'ok';
  const report = await reportInstalled({ write }, machineId, facts);
  return report === 'gone' || report === 'unknown' ? 'over' : 'ok';
}

/** The body as text, or undefined when it is longer than `maxBytes`; no more than that is ever held. */
async function boundedText(request: Request, maxBytes: number): Promise<string | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
