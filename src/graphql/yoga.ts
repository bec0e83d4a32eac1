import type { ServerResponse } from 'node:http';
import type { DocumentNode } from 'graphql';
import { createYoga, type YogaInitialContext } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { createHandOut } from '../actions/handOut.js';
import { LIMITS } from '../domain/limits.js';
import type { Context, GraphqlDeps } from './context.js';
import type { MaskError } from './faults.js';
import { useLimits } from './limits.js';
import { createLoaders } from './loaders.js';
import { useNotAcceptable } from './notAcceptable.js';
import { schema } from './schema.js';
import { useSharedResults } from './sharedResults.js';
import { useStreams } from './streams.js';

export const PATH = '/graphql';

/** What http.ts and sockets.ts know of the caller. */
export interface Caller {
  /** Aborts when the caller is gone. */
  caller: AbortSignal;
  /** Its address. */
  address: string;
  /** What Yoga answers a request over HTTP with; it puts it here itself. */
  res?: ServerResponse;
}

export type Yoga = ReturnType<typeof createExecutor>;

/** What parses, validates and executes, over HTTP (JSON and SSE) and for the sockets. */
export function createExecutor(deps: GraphqlDeps, maskError: MaskError) {
  const handOut = createHandOut(deps);
  return createYoga<Caller, Context>({
    schema,
    graphqlEndpoint: PATH,
    context: ({ caller, address }: YogaInitialContext & Caller) => {
      const read = deps.reads.of(address);
      return { ...deps, read, handOut, caller, address, load: createLoaders(read) };
    },
    maskedErrors: { maskError },
    // http.ts has read the body, within a limit.
    maxRequestBodySize: false,
    plugins: [useLimits(), useSharedResults(), useStreams(), useNotAcceptable()],
    // Yoga's own keep a thousand documents for an hour, of 1 MB each where somebody means it; and as many that are wrong.
    parserAndValidationCache: {
      documentCache: new LRUCache<string, DocumentNode>({
        maxSize: LIMITS.graphqlKeptCharacters.value,
        sizeCalculation: (_document, text) => Math.max(1, text.length),
      }),
      errorCache: { get: () => undefined, set: () => {} },
    },
    // Faults are logged where they are masked.
    logging: false,
    // Pages of other origins may not read answers, nor send JSON, for which a browser asks first.
    cors: false,
    multipart: false,
    batching: false,
    graphiql: false,
    landingPage: false,
  });
}
