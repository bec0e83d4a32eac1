import type { ServerResponse } from 'node:http';
import type { DocumentNode } from 'graphql';
import { createYoga, type YogaInitialContext } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { contextOf } from '../../actions/context.js';
import { LIMITS } from '../../domain/limits.js';
import type { Caller } from '../../domain/principal.js';
import type { Context, GraphqlDeps } from '../context.js';
import type { MaskError } from '../faults.js';
import { useLimits } from '../limits/limits.js';
import { createLoaders } from '../loaders.js';
import { schema } from '../schema.js';
import { useNotAcceptable } from './notAcceptable.js';
import { useSharedResults } from './sharedResults.js';
import { useStreams } from './streams.js';

export const PATH = '/graphql';

/** What http.ts and sockets.ts know of who asks. */
export interface Asked {
  caller: Caller;
  /** Aborts when the caller is gone. */
  gone: AbortSignal;
  /** What Yoga answers a request over HTTP with; it puts it here itself. */
  res?: ServerResponse;
}

export type Yoga = ReturnType<typeof createExecutor>;

/** What parses, validates and executes, over HTTP (JSON and SSE) and for the sockets. */
export function createExecutor(deps: GraphqlDeps, maskError: MaskError) {
  const { actions, callers: _callers, ...shown } = deps;
  return createYoga<Asked, Context>({
    schema,
    graphqlEndpoint: PATH,
    context: ({ caller, gone }: YogaInitialContext & Asked) => {
      const context = contextOf(actions, caller, gone);
      return { ...shown, ...context, load: createLoaders(context.read) };
    },
    maskedErrors: { maskError },
    // http.ts has read the body, within a limit.
    maxRequestBodySize: false,
    plugins: [useLimits(schema), useSharedResults(), useStreams(), useNotAcceptable()],
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
