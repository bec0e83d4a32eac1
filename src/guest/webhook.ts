import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import { problem } from '../answers/refusals.js';
import { remoteAddress } from '../answers/remoteAddress.js';
import { ok, Problem } from '../answers/responses.js';
import type { Db } from '../db/client.js';
import type { WriteAs } from '../db/write.js';
import { LIMITS } from '../domain/limits.js';
import { macOf } from '../domain/mac.js';
import { guestOf } from '../domain/principal.js';
import { reportInstalledByAddress, reportReadyByAddress } from '../transitions/reportGuest.js';
import { RateLimit } from './rateLimit.js';

export interface WebhookOptions {
  db: Db;
  writeAs: WriteAs;
  readiness: 'agent' | 'rdp' | 'either';
  /** Whether these routes do anything: whoever reaches them and knows an address may say that a machine is ready. */
  webhook: boolean;
}

type Machine = { type: 'golden_image' | 'vm_instance'; id: string };

/**
 * The prototype's way for a guest to say that it is ready: by its network address, with no token. Whoever knows a machine's id
 * can work the address out, so this is for guests of golden images from the prototype; new ones use /guest/v1.
 * The vm_type in the path says nothing that the address does not say: the prototype's guests always put 11 there.
 */
export function addWebhookRoutes(app: Hono, { db, writeAs, readiness, webhook }: WebhookOptions): void {
  if (!webhook) {
    const fix = 'New guests report by /guest/v1. For those of the prototype set VAPIORC_WEBHOOK=on.';
    app.all('/webhook/*', (c) => c.json(problem('WEBHOOK_OFF', "the prototype's webhook is off", fix), 404));
    return;
  }

  const limit = new RateLimit(LIMITS.guestCallsPerSecond.value);
  app.use('/webhook/*', async (c, next) => {
    if (limit.allows(remoteAddress(c))) return next();
    c.header('Retry-After', '1');
    return c.json(problem('TOO_MANY_CALLS', 'too many calls', 'Call again in 1 s.'), 429);
  });

  app.post('/webhook/ready/:vm_type', async (c) => {
    const machine = await machineOf(c, db);
    if (machine instanceof Response) return machine;
    const { type, id } = machine;
    const write = writeAs(guestOf(id));
    const ignored = { status: 'ignored', message: 'VM instance not in expected state' };
    if (type === 'vm_instance') {
      if (readiness === 'rdp' || (await reportReadyByAddress({ write }, id)) !== 'noted') return c.json(ignored);
      return c.json({ status: 'processed', type, message: `VM instance ${id} marked as ready` });
    }
    const report = await reportInstalledByAddress({ write }, id);
    if (report !== 'noted' && report !== 'nothing new')
      return c.json({ ...ignored, message: 'Golden image not in expected state' });
    return c.json({
      status: 'processed',
      type,
      message: `Golden image ${id} marked as ready and hot spares initiated`,
    });
  });

  app.get('/webhook/status/:vm_type', async (c) => {
    const machine = await machineOf(c, db);
    return machine instanceof Response ? machine : c.json({ status: 'registered', ...machine });
  });
}

async function machineOf(c: Context, db: Db): Promise<Machine | Response> {
  const given = c.req.header('mac-address');
  if (!given) {
    return c.json(
      problem('INVALID_INPUT', 'MAC-Address header is required', 'Send it.', { field: 'MAC-Address' }),
      400,
    );
  }
  const mac = given.trim().toUpperCase().replaceAll('-', ':');
  const [images, vms] = await Promise.all([
    db.goldenImage.findMany({
      where: { status: { in: ['REQUESTED', 'INSTALLING', 'SEALING'] } },
      select: { id: true },
    }),
    db.vm.findMany({ where: { cleanedAt: null }, select: { id: true } }),
  ]);
  const image = images.find(({ id }) => macOf(id) === mac);
  if (image) return { type: 'golden_image', id: image.id };
  const vm = vms.find(({ id }) => macOf(id) === mac);
  if (vm) return { type: 'vm_instance', id: vm.id };
  return c.json(
    problem('NOT_FOUND', 'Container not registered', 'Send the MAC address of a machine that vapiorc runs.'),
    404,
  );
}

const request = {
  params: z.object({ vm_type: z.string() }),
  headers: z.object({ 'MAC-Address': z.string().openapi({ example: '02:1A:2B:3C:4D:5E' }) }),
};
const failures = {
  400: ok('The MAC-Address header is missing.', Problem),
  404: ok('No machine of ours has that address.', Problem),
  429: ok('Too many calls.', Problem),
};

/** These routes stand in an app of their own; this puts them into the OpenAPI document. */
export function describeWebhook(app: OpenAPIHono): void {
  app.openAPIRegistry.registerPath(
    createRoute({
      method: 'post',
      path: '/webhook/ready/{vm_type}',
      tags: ['webhook'],
      summary: "A guest of the prototype's says that it is ready",
      request,
      responses: {
        200: ok(
          'Noted.',
          z.object({ status: z.enum(['processed', 'ignored']), type: z.string().optional(), message: z.string() }),
        ),
        ...failures,
      },
    }),
  );
  app.openAPIRegistry.registerPath(
    createRoute({
      method: 'get',
      path: '/webhook/status/{vm_type}',
      tags: ['webhook'],
      summary: "A guest of the prototype's asks whether it is known",
      request,
      responses: {
        200: ok('It is.', z.object({ status: z.literal('registered'), type: z.string(), id: z.string() })),
        ...failures,
      },
    }),
  );
}
