import type { z } from 'zod';
import { InvalidInput } from '../domain/errors.js';
import { field } from '../domain/prose.js';
import type { FieldFacts } from './describeInput.js';

/** What was given, as `schema` has it, or the first thing that is wrong with it. `fields`: of the schema, where some name things by their ids. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
  fields?: ReadonlyMap<string, FieldFacts>,
): z.output<Schema> | InvalidInput {
  const parsed = schema.safeParse(given, { error: fixOf });
  if (parsed.success) return parsed.data;
  const issue = firstOf(parsed.error);
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  const name = path.map(String).join('.') || 'input';
  return new InvalidInput(field(name, fields?.get(name)?.names), shownOf(issue, valueAt(given, path)), issue.message);
}

/** The same of one value, for whoever has no more. */
export function parseField<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  given: unknown,
): z.output<Schema> | InvalidInput {
  const parsed = schema.safeParse(given, { error: fixOf });
  if (parsed.success) return parsed.data;
  const issue = firstOf(parsed.error);
  return new InvalidInput(name, shownOf(issue, given), issue.message);
}

function firstOf({ issues: [issue] }: z.core.$ZodError): z.core.$ZodIssue {
  if (issue === undefined) throw new Error('an input was refused without a reason');
  return issue;
}

/** What is repeated of a value; of too long a list, how long it is. */
function shownOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === 'custom' && issue.params?.shown !== undefined) return String(issue.params.shown);
  return shownValue(issue.code === 'too_big' && Array.isArray(value) ? value.length : value);
}

/** For what a field does not say itself. */
function fixOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') return 'Leave it out: there is no such field.';
  if (issue.code === 'invalid_value') return `Give one of: ${issue.values.join(', ')}.`;
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'It is required.';
  return KINDS[issue.expected] ?? undefined;
}

/** What to give, by what was expected. */
export const KINDS: Partial<Record<string, string>> = {
  string: 'Give a text.',
  number: 'Give a whole number.',
  int: 'Give a whole number.',
  boolean: 'Give true or false.',
  array: 'Give a list.',
  object: 'Give a JSON object: {…}.',
};

/** What there is at a place of what was given. */
export function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value: unknown, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given);
}

/** As people read it. */
export function shownValue(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
