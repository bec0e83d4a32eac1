/** What the OpenAPI document says of requests and answers. */
import { z } from '@hono/zod-openapi';

export const Problem = z
  .object({
    detail: z.string().openapi({ description: 'What happened and what to do, in one string.' }),
    code: z.string().openapi({ example: 'NO_VM_IN_TIME' }),
    message: z.string(),
    fix: z.string().openapi({ description: 'What to do about it.' }),
  })
  .catchall(z.unknown())
  .openapi('Problem');

export const Done = z.object({ status: z.literal('success'), message: z.string() }).openapi('Done');

export const done = (message: string) => ({ status: 'success' as const, message });

const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } });

/** The body of a request. */
export const jsonRequest = <T extends z.ZodType>(schema: T) => ({ required: true as const, content: json(schema) });

export const ok = <T extends z.ZodType>(description: string, schema: T) => ({ description, content: json(schema) });

const meanings = {
  404: 'There is no such thing.',
  409: 'What is there does not allow it now.',
  422: 'A parameter is missing or not accepted; `field`, `value` and `fix` say which and why.',
  503: 'Not possible now; `Retry-After` says when to try again.',
} as const;

/** The refusals that a route may answer with. */
export function refusals<Status extends keyof typeof meanings>(...statuses: Status[]) {
  const entries = statuses.map((status) => [status, { description: meanings[status], content: json(Problem) }]);
  return Object.fromEntries(entries) as Record<
    Status,
    { description: string; content: ReturnType<typeof json<typeof Problem>> }
  >;
}
