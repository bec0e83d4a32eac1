import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { FROM_OUR_PAGES } from '../../http/hostCheck.js';
import { type EdgeRefusal, refuseUpgrade } from '../../http/refuse.js';
import type { UnderWay } from '../../http/underWay.js';
import type { GraphqlDeps } from '../context.js';
import { createMaskError } from '../faults.js';
import { createHttp } from './http.js';
import { createSockets } from './sockets.js';
import { createExecutor, PATH } from './yoga.js';

const NO_SOCKETS_HERE: EdgeRefusal = {
  status: 404,
  code: 'NOT_FOUND',
  message: 'there is no WebSocket at this address',
  fix: `Connect to ${PATH}.`,
};
const FOREIGN_ORIGIN: EdgeRefusal = {
  status: 403,
  code: 'FOREIGN_ORIGIN',
  message: 'a web page of another origin may not connect here',
  fix: `Connect from a program that sends no Origin, ${FROM_OUR_PAGES}`,
};
const TOO_MANY_SOCKETS: EdgeRefusal = {
  status: 429,
  code: 'TOO_MANY_WEBSOCKETS',
  message: 'too many WebSockets of your address are open',
  fix: 'Let subscriptions share one: it takes many.',
  retryAfterSeconds: 5,
};

export interface Graphql {
  /** Answers a request, on a path of ours or with 404. */
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** Takes a WebSocket connection over, or refuses it. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends what is under way: waiting callers get the answer as it is, subscriptions complete, sockets are closed with 1001. */
  close(): Promise<void>;
}

/** GraphQL at /graphql for a node http server: POST, GET, SSE, WebSocket, and GraphiQL for browsers. */
export function createGraphql(deps: GraphqlDeps, underWay: UnderWay): Graphql {
  const maskError = createMaskError(deps.log);
  const yoga = createExecutor(deps, maskError);
  const http = createHttp({ yoga, maskError, callers: deps.callers, slices: deps.slices });
  const sockets = createSockets({
    yoga,
    maskError,
    log: deps.log,
    underWay,
    callers: deps.callers,
    slices: deps.slices,
  });
  return {
    handle: (req, res) => http.handle(req, res),
    upgrade(req, socket, head) {
      if (pathOf(req) !== PATH) refuseUpgrade(req, socket, NO_SOCKETS_HERE);
      else if (deps.isForeign(req.headers.origin, req.headers.host)) refuseUpgrade(req, socket, FOREIGN_ORIGIN);
      else {
        const free = underWay.sockets.take(req.socket.remoteAddress ?? '');
        if (!free) return refuseUpgrade(req, socket, TOO_MANY_SOCKETS);
        socket.once('close', free);
        sockets.accept(req, socket, head);
      }
    },
    async close() {
      http.close();
      await sockets.close();
    },
  };
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? '').split('?', 1)[0] ?? '';
}
