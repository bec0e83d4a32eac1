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
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new Error('an input was refused without a reason');
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  const value =
    issue.code === 'custom' && issue.params?.shown !== undefined ? issue.params.shown : valueAt(given, path);
  const name = path.map(String).join('.') || 'input';
  return new InvalidInput(field(name, fields?.get(name)?.names), textOf(value), issue.message);
}

/** For what a field does not say itself. */
function fixOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') return 'Leave it out: there is no such field.';
  if (issue.code === 'invalid_value') return `Give one of: ${issue.values.join(', ')}.`;
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'It is required.';
  return KINDS[issue.expected] ?? undefined;
}

const KINDS: Partial<Record<string, string>> = {
  string: 'Give a text.',
  number: 'Give a whole number.',
  int: 'Give a whole number.',
  boolean: 'Give true or false.',
  array: 'Give a list.',
  object: 'Give an object.',
};

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value: unknown, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
