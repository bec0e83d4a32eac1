import {
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  parse,
  Source,
  validate,
} from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { LIMITS } from '../domain/limits.js';
import { boundErrors } from './boundErrors.js';
import { excess } from './excess.js';
import { measureDocument } from './measureDocument.js';
import { measureText } from './measureText.js';
import { measureVariables } from './measureVariables.js';
import { priceOf } from './priceOf.js';

interface Operation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: unknown;
  contextValue?: unknown;
}

/**
 * Refuses documents and operations that would cost too much, each before the work that it would cost: parsing, validation, coercion of
 * variables, execution. Over HTTP and WebSocket, subscriptions too. And answers no more errors, nor longer ones, than anybody reads.
 */
export function useLimits(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((given: string | Source, options) => {
        const source = typeof given === 'string' ? new Source(given) : given;
        const found = measureText(source);
        if (found) throw found;
        return parse(source, { ...options, maxTokens: LIMITS.graphqlTokens.value });
      });
    },
    // Its verdict is remembered with the document.
    onValidate({ setValidationFn }) {
      setValidationFn((schema, document, rules) => {
        const found = measureDocument(document);
        return found ? [found] : validate(schema, document, rules, { maxErrors: LIMITS.graphqlErrors.value });
      });
    },
    // The price is not remembered: it depends on the variables.
    onExecute({ args, setResultAndStopExecution }) {
      const errors = refuse(args);
      if (errors) setResultAndStopExecution({ errors });
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result)) setResult(bounded(result));
        },
      };
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const errors = refuse(args);
      if (errors) setResultAndStopExecution({ errors });
      return {
        onSubscribeResult({ result, setResult }) {
          if (!isAsyncIterable(result)) setResult(bounded(result));
          return { onNext: (event) => event.setResult(bounded(event.result)) };
        },
      };
    },
    // What the parser, the validator and the server itself have to say of a request.
    onResultProcess({ result, setResult }) {
      if (!isAsyncIterable(result) && !Array.isArray(result)) setResult(bounded(result));
    },
  };
}

/** Why an operation may not begin. */
function refuse({
  schema,
  document,
  operationName,
  variableValues,
  contextValue,
}: Operation): readonly GraphQLError[] | undefined {
  const operation = getOperationAST(document, operationName);
  if (!operation) return undefined; // the executor says which there are
  const tooLarge = measureVariables(variableValues);
  if (tooLarge) return badRequest([tooLarge]);
  const { coerced, errors } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    (variableValues ?? {}) as Record<string, unknown>,
    { maxErrors: LIMITS.graphqlErrors.value },
  );
  if (!coerced) return badRequest(errors ?? []);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const price = priceOf({ schema, operation, fragments, variables: coerced, context: contextValue as object });
  if (price <= LIMITS.graphqlCost.value) return undefined;
  const fix = `It may cost ${Math.ceil(price)}: ask for fewer fields or smaller pages (\`first\`).`;
  return badRequest([excess('QUERY_COMPLEXITY', LIMITS.graphqlCost, fix)]);
}

function badRequest(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  for (const { extensions } of errors) extensions.http = { status: 400, spec: true };
  return errors;
}

function bounded<Result extends ExecutionResult | object>(result: Result): Result {
  const { errors } = result as ExecutionResult;
  return errors ? { ...result, errors: boundErrors(errors) } : result;
}
