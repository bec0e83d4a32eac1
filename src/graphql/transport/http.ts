import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import type { Callers } from '../../http/callers.js';
import type { Slices } from '../../primitives/slices.js';
import type { MaskError } from '../faults.js';
import { parseJson, readOperation, refusal, refuseHash } from '../limits/readOperation.js';
import { createGraphiql } from './graphiql.js';
import { PATH, type Yoga } from './yoga.js';

export interface Http {
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** Ends waits and subscriptions of all requests under way. */
  close(): void;
}

interface HttpOptions {
  yoga: Yoga;
  maskError: MaskError;
  callers: Callers;
  slices: Slices;
}

/** GraphQL over HTTP and SSE, and GraphiQL. */
export function createHttp({ yoga, maskError, callers, slices }: HttpOptions): Http {
  const graphiql = createGraphiql();
  const underWay = new Set<AbortController>();
  let closed = false;

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = URL.canParse(req.url ?? '', 'http://host') ? new URL(req.url ?? '', 'http://host') : undefined;
    if (url?.pathname !== PATH)
      throw refusal(404, 'NOT_FOUND', 'there is nothing at this address', `GraphQL is at ${PATH}.`);
    if (wantsPage(req)) return graphiql(req, res);
    const caller = callers.of(req);
    const turn = () => slices.turn(caller.address);
    if (req.method === 'POST') {
      const given = await readOperation(req, turn);
      if (given === undefined) return;
      refuseHash(given);
      Object.assign(req, { body: given });
    } else if (req.method === 'GET') {
      await turn();
      const inQuery = (name: string) => parseJson(url.searchParams.get(name) || 'null');
      inQuery('variables');
      refuseHash({ query: url.searchParams.get('query'), extensions: inQuery('extensions') });
    } else {
      res.setHeader('Allow', 'GET, POST');
      const fix =
        'Send operations by POST, queries by GET as well. With graphql-sse leave singleConnection out: each subscription has a connection of its own.';
      throw refusal(405, 'METHOD_NOT_ALLOWED', `${req.method} is not for GraphQL`, fix);
    }
    if (res.destroyed) return; // gone before its turn came
    const gone = new AbortController();
    setMaxListeners(0, gone.signal);
    underWay.add(gone);
    if (closed) gone.abort();
    res.once('close', () => {
      underWay.delete(gone);
      gone.abort();
    });
    await yoga.handle(req, res, { caller, gone: gone.signal });
  }

  return {
    handle(req, res) {
      res.setHeader('X-Content-Type-Options', 'nosniff');
      answer(req, res).catch((err: unknown) => {
        if (res.headersSent) res.destroy();
        else answerError(res, maskError(err));
      });
    },
    close() {
      closed = true;
      for (const gone of underWay) gone.abort();
    },
  };
}

function wantsPage({ method, headers }: IncomingMessage): boolean {
  return (
    (method === 'GET' || method === 'HEAD') && headers.accept !== undefined && headers.accept.includes('text/html')
  );
}

/** Of what never came to an execution. */
function answerError(res: ServerResponse, error: GraphQLError): void {
  const { http, ...extensions } = error.extensions as { http?: { status?: number } };
  const body = JSON.stringify({ errors: [{ message: error.message, extensions }] });
  res
    .writeHead(http?.status ?? 500, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
    })
    .end(body);
}
