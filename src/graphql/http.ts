import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MaskError } from './faults.js';
import { createGraphiql } from './graphiql.js';
import { PATH, type Yoga } from './yoga.js';

/** A page of another site can send none of these without asking the browser first, which refuses. */
const BODY_TYPES = ['application/json', 'application/graphql+json', 'application/graphql'];

export interface Http {
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** Ends waits and subscriptions of all requests under way. */
  close(): void;
}

/** GraphQL over HTTP and SSE, and GraphiQL. */
export function createHttp({ yoga, maskError }: { yoga: Yoga; maskError: MaskError }): Http {
  const graphiql = createGraphiql();
  const underWay = new Set<AbortController>();
  let closed = false;

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = URL.canParse(req.url ?? '', 'http://host') ? new URL(req.url ?? '', 'http://host') : undefined;
    if (url?.pathname !== PATH) return refuse(res, 404, `GraphQL is at ${PATH}`);
    if (wantsPage(req)) return graphiql(req, res);
    if (req.method === 'POST' && !BODY_TYPES.includes(mediaType(req))) {
      return refuse(res, 415, `send the body as ${BODY_TYPES[0]}, and say so in Content-Type`);
    }
    for (const name of ['variables', 'extensions']) {
      const given = req.method === 'GET' ? url.searchParams.get(name) : null;
      if (given && !isJson(given)) return refuse(res, 400, `${name} is not JSON`);
    }
    const gone = new AbortController();
    setMaxListeners(0, gone.signal);
    underWay.add(gone);
    if (closed) gone.abort();
    res.once('close', () => {
      underWay.delete(gone);
      gone.abort();
    });
    await yoga.handle(req, res, { caller: gone.signal, address: req.socket.remoteAddress ?? '' });
  }

  return {
    handle(req, res) {
      res.setHeader('X-Content-Type-Options', 'nosniff');
      answer(req, res).catch((err: unknown) => {
        const { message } = maskError(err);
        if (res.headersSent) res.destroy();
        else refuse(res, 500, message);
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

function mediaType({ headers }: IncomingMessage): string {
  return (headers['content-type'] ?? '').split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? '';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function refuse(res: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ errors: [{ message }] });
  res
    .writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(body) })
    .end(body);
}
