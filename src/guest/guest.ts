import { Hono } from 'hono';
import { answerFault } from '../answers/answerFault.js';
import { answerNoRoute } from '../answers/answerNoRoute.js';
import type { Db } from '../db/client.js';
import { type Deployment, machineOfToken } from '../db/deployment.js';
import { getImage } from '../db/images.js';
import { getVm } from '../db/vms.js';
import type { WriteAs } from '../db/write.js';
import { imageTransition } from '../domain/image.js';
import { LIMITS } from '../domain/limits.js';
import { guestOf } from '../domain/principal.js';
import { vmActions } from '../domain/vm.js';
import type { Feed } from '../events/feed.js';
import type { Logger } from '../log.js';
import { KeyedLock } from '../primitives/keyedLock.js';
import { keyValueLines } from '../primitives/keyValueLines.js';
import type { NoteDeps, ShareOf } from './deliverCommand.js';
import type { GuestCall, Machine } from './guestCall.js';
import { nextCall } from './guestNext.js';
import { progressCall } from './guestProgress.js';
import { readyCall } from './guestReady.js';
import { resultCall } from './guestResult.js';
import type { Heartbeats } from './heartbeats.js';
import { HeldCalls } from './heldCalls.js';
import { RateLimit } from './rateLimit.js';
import { Recent } from './recent.js';
import { addWebhookRoutes } from './webhook.js';

export interface GuestRoutesOptions {
  db: Db;
  writeAs: WriteAs;
  feed: Feed;
  deployment: Deployment;
  /** With `rdp` the word of a VM's guest counts for nothing: a probe decides. */
  readiness: 'agent' | 'rdp' | 'either';
  /** How far a guest's clock may be off; 0: as far as it likes. */
  clockSkewSeconds: number;
  /** Whether the prototype's webhook is on. */
  webhook: boolean;
  /** The folders that machines share with us. */
  share: ShareOf;
  heartbeats: Heartbeats;
  log: Logger;
}

export interface GuestRoutes {
  /** `env` is what the server knows of the connection. */
  fetch: (request: Request, env?: object) => Promise<Response>;
  /** Answers whoever is waiting, and lets nobody wait any more. */
  stop: () => Promise<void>;
}

/**
 * What guests may call (oem/PROTOCOL.md), on a listener of their own. Everything from there is hostile: sizes and rates are bounded,
 * each token is good for one machine, and no answer holds anything of what was sent.
 */
export function createGuestRoutes(options: GuestRoutesOptions): GuestRoutes {
  const app = new Hono();
  const { db, deployment, heartbeats, log } = options;
  const limit = new RateLimit(LIMITS.guestCallsPerSecond.value);
  const held = new HeldCalls();
  const turns = new KeyedLock();
  const warned = new Recent<true>();
  const delivery: NoteDeps = {
    ...options,
    warn: (err, commandId, what) => {
      if (warned.get(commandId)) return;
      warned.set(commandId, true);
      log.warn({ err, commandId }, what);
    },
  };

  const calls: Record<string, GuestCall> = {
    ready: readyCall(options),
    progress: progressCall(),
    next: nextCall({ ...options, ...delivery, held }),
    result: resultCall(delivery),
  };
  for (const [name, call] of Object.entries(calls)) {
    app.post(`/guest/v1/${name}`, async (c) => {
      const token = /^Bearer ([\w.-]+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
      const machineId =
        token.length > LIMITS.guestTokenCharacters.value ? undefined : machineOfToken(deployment, token);
      if (machineId === undefined) return c.text('unknown token\n', 401, { 'WWW-Authenticate': 'Bearer' });
      if (!limit.allows(machineId)) return c.text('too many calls\n', 429, { 'Retry-After': '1' });
      const body = await boundedText(c.req.raw, call.maxBodyBytes);
      if (body === undefined) return c.text('the body is too long\n', 413);
      if (body === null) return c.text('the body is cut off\n', 400, { Connection: 'close' }); // nobody is there any more
      const machine = await livingMachine(db, machineId);
      if (machine === undefined) return c.text('this machine is over\n', 410);
      // A VM's counts once it is known who calls: an agent whose report does not come through is as good as none.
      if (machine.image) heartbeats.seen(machineId);
      const calling = { ...machine, write: options.writeAs(guestOf(machineId)) };
      const work = () => call.answer(calling, body, c.req.raw.signal);
      // One that waits for its VM's row holds a connection to the database, which the other guests and callers need, too.
      const answer = await (call.holds ? work() : turns.run(machineId, work));
      if (answer === 'over') return c.text('this machine is over\n', 410);
      return 'malformed' in answer ? c.text(`${answer.malformed}\n`, 400) : c.text(keyValueLines(answer), 200);
    });
  }

  addWebhookRoutes(app, options);

  app.notFound((c) => answerNoRoute(c, app.routes, 'Guests report with POST /guest/v1/ready.'));
  app.onError((err, c) => answerFault(c, err, log));
  return {
    fetch: async (request, env) => app.fetch(request, env),
    stop: async () => held.stop(),
  };
}

/** The machine, unless nothing that its guest says can count any more. */
async function livingMachine(db: Db, id: string): Promise<Machine | undefined> {
  const vm = await getVm(db, id);
  if (vm !== null) return vmActions(vm.status).length > 0 ? { vm } : undefined;
  const image = await getImage(db, id);
  const lives =
    image?.status === 'READY' ||
    image?.status === 'SEALING' ||
    (image && imageTransition(image.status, 'INSTALLED') !== undefined);
  return lives ? { image } : undefined;
}

/** The body as text; undefined: it is longer than `maxBytes`, of which no more is ever held; null: the guest hung up in its middle. */
async function boundedText(request: Request, maxBytes: number): Promise<string | undefined | null> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > maxBytes) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return null; // no fault of ours, and not to be logged: a guest can do it all day
  }
  return Buffer.concat(chunks).toString('utf8');
}
