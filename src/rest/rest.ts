import type { HttpBindings } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type ActionDeps, contextOf } from '../actions/context.js';
import { answerFault } from '../answers/answerFault.js';
import { answerNoRoute } from '../answers/answerNoRoute.js';
import { problem } from '../answers/refusals.js';
import type { EndpointsOf } from '../domain/endpoints.js';
import type { HealthReport } from '../domain/health.js';
import { LIMITS } from '../domain/limits.js';
import type { GuestRoutes } from '../guest/guest.js';
import { describeWebhook } from '../guest/webhook.js';
import type { Callers } from '../http/callers.js';
import { FROM_OUR_PAGES, type IsForeign } from '../http/hostCheck.js';
import type { Logger } from '../log.js';
import { addAssignRoute } from './assignment/assign.js';
import { addCommandRoutes } from './command/commands.js';
import { addDocsRoutes } from './docs.js';
import { addEventRoutes } from './events.js';
import { addFileRoutes } from './file/files.js';
import { addOemRoutes } from './file/oemBundles.js';
import { addHealthRoutes } from './health.js';
import { addHomeRoute } from './home.js';
import { addGoldenImageRoutes } from './image/goldenImages.js';
import { addHotSparesRoute } from './pool/hotSpares.js';
import { refuseInvalid } from './refuseInvalid.js';
import { refuseUnknown } from './refuseUnknown.js';
import { addScreenRoutes } from './screen/screen.js';
import { addInstanceRoutes } from './vm/instances.js';

export interface RestOptions {
  actions: ActionDeps;
  callers: Callers;
  health: () => Promise<HealthReport>;
  guestRoutes: GuestRoutes;
  endpointsOf: EndpointsOf;
  isForeign: IsForeign;
  assignWaitSeconds: number;
  log: Logger;
  version: string;
}

/** The REST API: for clients that never heard of GraphQL, with every route of the prototype as it was. */
export function createRest(options: RestOptions) {
  const { actions, callers, guestRoutes, isForeign, log, version } = options;
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });

  app.use(async (c, next) => {
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Cache-Control', 'no-store');
    await next();
  });
  app.use(async (c, next) => {
    const reads = ['GET', 'HEAD', 'OPTIONS'].includes(c.req.method);
    if (reads || !isForeign(c.req.header('origin'), c.req.header('host'))) return next();
    const what = 'a web page of another origin may not change anything here';
    return c.json(problem('FOREIGN_ORIGIN', what, `Call from a program, ${FROM_OUR_PAGES}`), 403);
  });
  app.use('/api/*', refuseUnknown(app));
  addFileRoutes(app, log);
  addOemRoutes(app, log);
  // Guests' routes have a tighter limit of their own.
  const limitUnknownLength = bodyLimit({ maxSize: LIMITS.restBodyBytes.value, onError: answerTooLarge });
  app.use('/api/*', async (c, next) => {
    const length = c.req.header('content-length');
    if (length === undefined) return limitUnknownLength(c, next);
    // A body has no more bytes than this says.
    return Number(length) > LIMITS.restBodyBytes.value ? answerTooLarge(c) : next();
  });

  addHealthRoutes(app, options.health);
  addGoldenImageRoutes(app, options);
  addInstanceRoutes(app, options);
  addAssignRoute(app, options);
  addHotSparesRoute(app);
  addCommandRoutes(app);
  addScreenRoutes(app);
  addEventRoutes(app, log);
  describeWebhook(app);
  for (const path of ['/guest/*', '/webhook/*']) app.all(path, (c) => guestRoutes.fetch(c.req.raw, c.env));
  addDocsRoutes(app);
  addHomeRoute(app, version);
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'vapiorc',
      version,
      description: 'Windows VMs on demand. The GraphQL API at /graphql does all this and more.',
    },
    // The folder of this document: below whatever path a proxy puts the server.
    servers: [{ url: '.' }],
  });

  app.notFound((c) => answerNoRoute(c, app.routes, 'See /docs for those that there are.'));
  app.onError((err, c) => answerFault(c, err, log));
  return {
    /** `env`: of a listener for HTTP/1. */
    fetch: async (request: Request, env: object): Promise<Response> => {
      const caller = callers.of((env as HttpBindings).incoming);
      return app.fetch(request, { ...env, context: contextOf(actions, caller, request.signal) });
    },
  };
}

function answerTooLarge(c: Context): Response {
  return c.json(
    problem('TOO_LARGE', `the body has more than ${LIMITS.restBodyBytes.value} bytes`, 'No route here needs so much.'),
    413,
  );
}
