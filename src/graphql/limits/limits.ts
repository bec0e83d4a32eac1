import {
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  parse,
  Source,
  validate,
} from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { LIMITS } from '../../domain/limits.js';
import { boundErrors } from './boundErrors.js';
import { excess } from './excess.js';
import { introspectionSizes } from './introspectionSizes.js';
import { measureDocument } from './measureDocument.js';
import { measureText } from './measureText.js';
import { measureVariables } from './measureVariables.js';
import { priceOf } from './priceOf.js';

/** As it is about to be executed. */
interface Operation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Record<string, unknown> | null | undefined;
  contextValue?: unknown;
}

/**
 * Refuses documents and operations that would cost too much, each before the work that it would cost: parsing, validation, coercion of
 * variables, execution. Over HTTP and WebSocket, subscriptions too. And answers no more errors, nor longer ones, than anybody reads.
 * `schema`: the one that all of them are executed on.
 */
export function useLimits(schema: GraphQLSchema): Plugin {
  const sizes = introspectionSizes(schema);
  return {
    onParse({ setParseFn }) {
      setParseFn((given: string | Source, options) => {
        const source = typeof given === 'string' ? new Source(given) : given;
        const found = measureText(source);
        if (found) throw found;
        return parse(source, options);
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
      const errors = refuse(args, sizes);
      if (errors) setResultAndStopExecution({ errors });
      forgetWhatCame(args);
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result)) setResult(bounded(result));
        },
      };
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const errors = refuse(args, sizes) ?? refuseLong(args);
      if (errors) setResultAndStopExecution({ errors });
      forgetWhatCame(args);
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

/** Why an operation may not begin. One that may has just the variables that it declares. */
function refuse(args: Operation, sizes: ReadonlyMap<string, number>): readonly GraphQLError[] | undefined {
  const { schema, document, operationName, variableValues, contextValue } = args;
  const operation = getOperationAST(document, operationName);
  if (!operation) return undefined; // the executor says which there are
  const tooLarge = measureVariables(variableValues);
  if (tooLarge) return badRequest([tooLarge]);
  const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {}, {
    maxErrors: LIMITS.graphqlErrors.value,
  });
  if (!coerced) return badRequest(errors ?? []);
  args.variableValues = declared(operation, variableValues ?? {});
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const most = LIMITS.graphqlCost.value;
  const context = contextValue as object;
  const price = priceOf({ schema, sizes, operation, fragments, variables: coerced, context }, most);
  if (price <= most) return undefined;
  const fix = `It may cost ${Math.ceil(price)} or more: ask for fewer fields or smaller pages (\`first\`).`;
  return badRequest([excess('QUERY_COMPLEXITY', LIMITS.graphqlCost, fix)]);
}

/** Why a subscription may not begin: what it was asked with is kept as long as it lives. */
function refuseLong({ document, variableValues }: Operation): readonly GraphQLError[] | undefined {
  const characters = (document.loc?.source.body.length ?? 0) + JSON.stringify(variableValues ?? {}).length;
  if (characters <= LIMITS.subscriptionCharacters.value) return undefined;
  return badRequest([excess('QUERY_SIZE', LIMITS.subscriptionCharacters, 'Ask for less in one subscription.')]);
}

function declared({ variableDefinitions }: OperationDefinitionNode, given: Record<string, unknown>) {
  const names = (variableDefinitions ?? []).map(({ variable }) => variable.name.value);
  return Object.fromEntries(names.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]));
}

/**
 * Empties what the caller sent: the request and the message of a WebSocket hold on to it until their operation is over, which may wait
 * or tell for days, and nobody reads it again.
 */
function forgetWhatCame({ contextValue }: Operation): void {
  const { params } = contextValue as { params: Record<string, unknown> };
  for (const name of Object.keys(params)) delete params[name];
}

function badRequest(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  for (const { extensions } of errors) extensions.http = { status: 400, spec: true };
  return errors;
}

function bounded<Result extends ExecutionResult | object>(result: Result): Result {
  const { errors } = result as ExecutionResult;
  return errors ? { ...result, errors: boundErrors(errors) } : result;
}
