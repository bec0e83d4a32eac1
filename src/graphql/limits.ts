import { createComplexityRule } from '@pothos/plugin-complexity';
import { type DocumentNode, type GraphQLError, type GraphQLSchema, parse, validate } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { LIMITS } from '../domain/limits.js';

/** Roughly the values that an answer may hold; see pageComplexity. */
const MAX_COMPLEXITY = 10_000;
const MAX_DEPTH = 15;
/** Fields of one document, aliases and fragments spread out. */
const MAX_BREADTH = 1_000;

interface Operation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: unknown;
  contextValue?: unknown;
}

/**
 * Refuses operations that would cost too much, before they begin: over HTTP and WebSocket, subscriptions too.
 * Not a validation rule, whose verdict is remembered for the document: the cost depends on the variables.
 */
export function useLimits(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: LIMITS.graphqlTokens.value }));
    },
    onExecute({ args, setResultAndStopExecution }) {
      const errors = excess(args);
      if (errors.length > 0) setResultAndStopExecution({ errors });
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const errors = excess(args);
      if (errors.length > 0) setResultAndStopExecution({ errors });
    },
  };
}

function excess({ schema, document, operationName, variableValues, contextValue }: Operation): readonly GraphQLError[] {
  const rule = createComplexityRule({
    context: contextValue as object,
    variableValues: (variableValues ?? {}) as Record<string, unknown>,
    ...(operationName != null && { operationName }),
    maxComplexity: MAX_COMPLEXITY,
    maxDepth: MAX_DEPTH,
    maxBreadth: MAX_BREADTH,
  });
  const errors = validate(schema, document, [rule]);
  for (const { extensions } of errors) extensions.http = { status: 400, spec: true };
  return errors;
}
