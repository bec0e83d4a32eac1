/** Parameters, bodies and calls that are made of the specs of verbs, by the names that their fields have here. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { AnyAction } from '../actions/action.js';
import type { FieldFacts } from '../actions/describeInput.js';
import { nameHere } from '../answers/names.js';
import { unwrap } from '../answers/refusals.js';
import type { Refusal } from '../domain/errors.js';
import { told } from '../domain/prose.js';
import { actionContext } from './actionContext.js';
import { jsonBody, text, wholeNumber } from './parameters.js';

type AnswerOf<A extends AnyAction> = Exclude<Awaited<ReturnType<A>>, Refusal>;

/** The fields of the verb's input as parameters of the query, but for those that come in another way. */
export function parametersOf(action: AnyAction, except: readonly string[] = []) {
  return z.object(shapeOf(action, except, parameter));
}

/** The same as the fields of a JSON body. */
export function bodyOf(action: AnyAction, except: readonly string[] = []) {
  return jsonBody(shapeOf(action, except, member));
}

function shapeOf<Field>(action: AnyAction, except: readonly string[], make: (facts: FieldFacts) => Field) {
  const fields = [...action.fields].filter(([field]) => !except.includes(field));
  return Object.fromEntries(fields.map(([field, facts]) => [nameHere({ field, names: facts.names }), make(facts)]));
}

function parameter(facts: FieldFacts): z.ZodType {
  const { type, isRequired, default: fallback } = facts;
  const description = descriptionOf(facts);
  if (type === 'integer') return wholeNumber(description).optional().openapi(rangeOf(facts));
  const one = text(description);
  if (typeof fallback === 'string') return one.default(fallback);
  return isRequired ? one : one.optional();
}

function member(facts: FieldFacts): z.ZodType {
  const { type, isRequired, enum: choices } = facts;
  const types = { string: z.string(), integer: z.int(), boolean: z.boolean(), array: z.array(z.string()) };
  const one = choices ? z.enum(choices) : types[type];
  const described = one.openapi({ description: descriptionOf(facts), ...rangeOf(facts) });
  return isRequired ? described : described.optional();
}

const descriptionOf = ({ description = '' }: FieldFacts) => told(description, nameHere);

/** What the document says of values; the action checks them. */
const rangeOf = ({ default: fallback, minimum, maximum }: FieldFacts) => ({
  ...(fallback !== undefined && { default: fallback }),
  ...(minimum !== undefined && { minimum }),
  ...(maximum !== undefined && { maximum }),
});

/**
 * Runs the verb with what the request gives, and with `also`, which the route itself says.
 * @throws Refusal  what it refuses.
 */
export async function run<A extends AnyAction>(
  c: Context,
  action: A,
  given: Readonly<Record<string, unknown>>,
  also: Readonly<Record<string, unknown>> = {},
): Promise<AnswerOf<A>> {
  const input: Record<string, unknown> = { ...also };
  for (const [field, { names }] of action.fields) {
    const value = given[nameHere({ field, names })];
    if (value !== undefined && !(field in also)) input[field] = value;
  }
  return unwrap(await action(actionContext(c), input as never)) as AnswerOf<A>;
}
