import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { LIMITS } from '../../domain/limits.js';
import { readBody } from '../../http/readBody.js';
import { measureJson } from './measureJson.js';

/** A page of another site can send none of these without asking the browser first, which refuses. */
const BODY_TYPES = ['application/json', 'application/graphql+json', 'application/graphql'];

/** What is executed, as yet unchecked. */
export interface GivenOperation {
  query: unknown;
  extensions?: unknown;
}

/**
 * The operation in the body of a POST, looked at when it is its `turn`. Clients of protocols that are not spoken here are told so in the
 * way that makes them fall back. Undefined: the caller has gone. @throws GraphQLError  with the HTTP status in its extensions.
 */
export async function readOperation(
  req: IncomingMessage,
  turn: () => Promise<void>,
): Promise<GivenOperation | undefined> {
  const type = mediaType(req);
  if (!BODY_TYPES.includes(type)) {
    const fix = `Send the body as ${BODY_TYPES[0]}, and say so in Content-Type; files go in by putFile, or by PUT to their REST route.`;
    throw refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `a body of the type ${JSON.stringify(type)} is not taken`, fix);
  }
  const body = await readBody(req, LIMITS.graphqlBodyBytes.value);
  if (body === 'cut off') return undefined;
  if (body === 'too long') {
    const fix = 'Send large files by PUT to their REST route.';
    throw refusal(413, 'TOO_LARGE', `the body has more than ${LIMITS.graphqlBodyBytes.value} bytes`, fix);
  }
  await turn();
  if (type === 'application/graphql') return { query: body.toString() };
  const text = body.toString();
  const tooLarge = measureJson(text);
  if (tooLarge) {
    tooLarge.extensions.http = { status: 400 };
    throw tooLarge;
  }
  const given = parseJson(text);
  if (Array.isArray(given)) {
    const fix = 'Send one operation in each request: with Apollo Client take HttpLink instead of BatchHttpLink.';
    throw refusal(400, 'BATCHING_NOT_SUPPORTED', 'several operations in one body are not taken', fix);
  }
  if (typeof given !== 'object' || given === null)
    throw refusal(400, 'BAD_REQUEST', 'the body is not a JSON object', 'Send {"query": "..."}.');
  return { query: undefined, ...given };
}

/**
 * Apollo's and others' clients send the hash of a document in its place at first. The name and the status are those at which they send
 * the document itself from then on.
 */
export function refuseHash({ query, extensions }: GivenOperation): void {
  const isPersisted = typeof extensions === 'object' && extensions !== null && 'persistedQuery' in extensions;
  if (query || !isPersisted) return;
  throw refusal(200, 'PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported', 'Send the document itself.');
}

export function refusal(status: number, code: string, message: string, fix: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, fix, http: { status } } });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refusal(400, 'BAD_REQUEST', 'that is not JSON', 'Send {"query": "..."}, and values as JSON.');
  }
}

function mediaType({ headers }: IncomingMessage): string {
  return (headers['content-type'] ?? '').split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? '';
}
