/** Parameters, bodies and calls that are made of the specs of verbs, by the names that their fields have here. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { AnyAction } from '../actions/action.js';
import type { FieldFacts } from '../actions/describeInput.js';
import { parseInput } from '../actions/parseInput.js';
import { nameHere } from '../answers/names.js';
import { unwrap } from '../answers/refusals.js';
import type { Refusal } from '../domain/errors.js';
import { told } from '../domain/prose.js';
import { actionContext } from './actionContext.js';
import { jsonBody, numberParameter, text, WHOLE_NUMBER } from './parameters.js';

type Fields = Pick<AnyAction, 'fields'>;
type AnswerOf<A extends AnyAction> = Exclude<Awaited<ReturnType<A>>, Refusal>;

/** The fields of an input as parameters of the query, but for those that come in another way. */
export function parametersOf(of: Fields, except: readonly string[] = []) {
  return z.object(shapeOf(of, except, parameter));
}

/** The same as the fields of a JSON body. */
export function bodyOf(of: Fields, except: readonly string[] = []) {
  return jsonBody(shapeOf(of, except, member));
}

function shapeOf<Field>(of: Fields, except: readonly string[], make: (facts: FieldFacts) => Field) {
  const fields = [...of.fields].filter(([field]) => !except.includes(field));
  return Object.fromEntries(fields.map(([field, facts]) => [nameHere({ field, names: facts.names }), make(facts)]));
}

function parameter(facts: FieldFacts): z.ZodType {
  const { type, isRequired, default: fallback } = facts;
  const description = descriptionOf(facts);
  if (type === 'integer') return numberParameter(description).optional().openapi(rangeOf(facts));
  const one = text(description).openapi(rangeOf(facts));
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
const rangeOf = ({ default: fallback, minimum, maximum, maxLength, maxItems, enum: choices }: FieldFacts) => ({
  ...(fallback !== undefined && { default: fallback }),
  ...(minimum !== undefined && { minimum }),
  ...(maximum !== undefined && { maximum }),
  ...(maxLength !== undefined && { maxLength }),
  ...(maxItems !== undefined && { maxItems }),
  ...(choices !== undefined && { enum: choices }),
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
  const input = { ...inputFrom(action, given), ...also };
  return unwrap(await action(actionContext(c), input as never)) as AnswerOf<A>;
}

/**
 * What a read is asked with: by the path and the query, and by `also`, in the place of these.
 * @throws InvalidInput  with the field's name as actions have it.
 */
export function asked<Input extends z.ZodObject>(
  c: Context,
  { input, fields }: { input: Input } & Fields,
  also: Readonly<Record<string, string | undefined>> = {},
): z.output<Input> {
  const given = inputFrom({ fields }, { ...c.req.query(), ...c.req.param() });
  for (const [field, text] of Object.entries(also)) if (text !== undefined) given[field] = text;
  for (const [field, { type }] of fields)
    if (type === 'integer' && WHOLE_NUMBER.test(String(given[field]))) given[field] = Number(given[field]);
  return unwrap(parseInput(input, given, fields));
}

/** What was given by the names of fields here, by their own. */
function inputFrom({ fields }: Fields, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values = [...fields].map(([field, { names }]) => [field, given[nameHere({ field, names })]]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}
