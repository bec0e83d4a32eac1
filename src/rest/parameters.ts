/** What the OpenAPI document says of parameters. Ranges are checked by the actions, once, for every API. */
import { z } from '@hono/zod-openapi';

/** For people who gave a name that is not there. */
export const knownHere = (names: readonly string[]) => `Known here: ${names.join(', ')}.`;

/** A body of JSON. What it does not know is refused: passed over, a guard that is spelled wrong would guard nothing. */
export const jsonBody = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? knownHere(Object.keys(shape)) : undefined),
  });

export const text = (description: string) => z.string().openapi({ param: { description } });

/** A whole number in the query, as text. */
export const WHOLE_NUMBER = /^\d{1,9}$/;

/** One that is a parameter of its own. */
export const numberParameter = (description: string) =>
  z
    .string()
    .regex(WHOLE_NUMBER, 'Give a whole number.')
    .transform(Number)
    .openapi({ type: 'integer', param: { description } });

export const InstanceId = z.object({ instance_id: z.string().openapi({ param: { name: 'instance_id', in: 'path' } }) });
export const GoldenId = z.object({ golden_id: z.string().openapi({ param: { name: 'golden_id', in: 'path' } }) });

export const Time = z.string().openapi({ format: 'date-time' });
