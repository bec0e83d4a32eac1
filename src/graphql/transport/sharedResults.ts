import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { LIMITS } from '../../domain/limits.js';
import type { Context } from '../context.js';

type Result = ExecutionResult | Promise<ExecutionResult>;

/** How long a result may be handed to others that ask the same. Milliseconds. */
const SHARED_MS = 250;

/**
 * Subscriptions with the same document and variables that are woken by the same events get one result, read once: a thousand dashboards
 * that watch one pool cost one query to the database. A result is shared as long as no event has come since its reads began, so nobody
 * is told less than he would have read himself; and for a moment at most, as not every change has an event.
 */
export function useSharedResults(): Plugin<Context> {
  const results = new SharedResults();
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(async (args: ExecutionArgs) => {
        const { feed } = args.contextValue as Context;
        const events = await createSourceEventStream(args);
        if (!isAsyncIterable(events)) return events;
        const of = JSON.stringify([args.operationName, args.variableValues]);
        return mapped(events[Symbol.asyncIterator]() as AsyncIterator<unknown>, (event) =>
          results.get({ document: args.document, of, event, head: feed.head }, () =>
            execute({ ...args, rootValue: event }),
          ),
        );
      });
    },
  };
}

export interface Asked {
  document: object;
  /** Name of the operation and variables. */
  of: string;
  event: unknown;
  /** The newest event that has been read. */
  head: bigint;
}

export class SharedResults {
  #head: bigint | undefined;
  #at = 0;
  #results = new Map<unknown, Map<object, Map<string, Result>>>();
  #count = 0;

  constructor(readonly now: () => number = () => performance.now()) {}

  get({ document, of, event, head }: Asked, make: () => Result): Result {
    const isOld = this.#head !== head || this.now() - this.#at > SHARED_MS;
    if (isOld || this.#count >= LIMITS.sharedResults.value) this.#begin(head);
    const ofEvent = getOrMake(this.#results, event, () => new Map<object, Map<string, Result>>());
    const ofDocument = getOrMake(ofEvent, document, () => new Map<string, Result>());
    return getOrMake(ofDocument, of, () => {
      this.#count++;
      return make();
    });
  }

  #begin(head: bigint): void {
    this.#head = head;
    this.#at = this.now();
    this.#results = new Map();
    this.#count = 0;
  }
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** Ends when its source does; an end from outside is the source's to answer, also while it waits. */
function mapped(source: AsyncIterator<unknown>, map: (event: unknown) => Result): AsyncGenerator<ExecutionResult> {
  const through = async (turn: Promise<IteratorResult<unknown>>): Promise<IteratorResult<ExecutionResult>> => {
    const { done, value } = await turn;
    return done ? { done: true, value: undefined } : { done: false, value: await map(value) };
  };
  const generator = {
    next: () => through(source.next()),
    return: () => through(source.return?.() ?? Promise.resolve({ done: true, value: undefined })),
    throw: (err: unknown) => through(source.throw?.(err) ?? Promise.reject(err)),
    [Symbol.asyncIterator]: () => generator,
  };
  return generator as unknown as AsyncGenerator<ExecutionResult>;
}
