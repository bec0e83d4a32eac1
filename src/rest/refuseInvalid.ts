import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { KINDS, shownValue, valueAt } from '../actions/parseInput.js';
import { answerAsNamed } from '../answers/refusals.js';
import { InvalidInput } from '../domain/errors.js';

interface Checked {
  success: boolean;
  target: string;
  data?: unknown;
  error?: { issues: readonly z.core.$ZodIssue[] };
}

/** Answers the first thing that the schema of a route does not take, in the words that actions use. */
export function refuseInvalid(result: Checked, c: Context): Response | undefined {
  const issue = result.error?.issues[0];
  if (issue === undefined) return undefined;
  const inBody = result.target === 'json';
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  const field = path.map(String).join('.');
  const given = inBody ? valueAt(result.data, path) : (c.req.queries(field)?.join(', ') ?? c.req.param(field));
  const refusal = new InvalidInput(
    field || 'body',
    shownValue(given),
    inBody ? fixOfBody(issue, given) : given === undefined ? `Give it in the query: ?${field}=…` : issue.message,
  );
  return answerAsNamed(c, refusal);
}

function fixOfBody(issue: z.core.$ZodIssue, given: unknown): string {
  if (issue.code === 'unrecognized_keys') return issue.message;
  if (given === undefined) return 'It is required.';
  if (issue.code === 'invalid_value') return `Give one of: ${issue.values.join(', ')}.`;
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? issue.message;
  // A number that JSON can hold and a whole number here can't.
  if (issue.code === 'too_big' || issue.code === 'too_small') return 'Give a whole number.';
  return issue.message;
}
