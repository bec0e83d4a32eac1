/** What the OpenAPI document says of parameters and answers. Ranges are checked by the commands, once, for every API. */
import { z } from '@hono/zod-openapi';
import { EVENT_KINDS } from '../domain/events.js';
import { INSTALL_PHASES } from '../domain/image.js';
import { IMAGE_WORDS, INSTANCE_STATUSES } from './views.js';

/** For people who gave a name that is not there. */
export const knownHere = (names: readonly string[]) => `Known here: ${names.join(', ')}.`;

/** A body of JSON. What it does not know is refused: passed over, a guard that is spelled wrong would guard nothing. */
export const jsonBody = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? knownHere(Object.keys(shape)) : undefined),
  });

export const text = (description: string) => z.string().openapi({ param: { description } });

export const wholeNumber = (description: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'Give a whole number.')
    .transform(Number)
    .openapi({ type: 'integer', param: { description } });

export const InstanceId = z.object({ instance_id: z.string().openapi({ param: { name: 'instance_id', in: 'path' } }) });
export const GoldenId = z.object({ golden_id: z.string().openapi({ param: { name: 'golden_id', in: 'path' } }) });

const Time = z.string().openapi({ format: 'date-time' });

export const Done = z.object({ status: z.literal('success'), message: z.string() }).openapi('Done');

export const Instance = z
  .object({
    instance_id: z.string(),
    container_id: z.string().nullable(),
    vm_type: z.string(),
    status: z.enum(INSTANCE_STATUSES),
    port: z.int().nullable().openapi({ description: 'Web port (noVNC); null until the container is made.' }),
    is_hot_spare: z.boolean(),
    assigned_to: z.string().nullable(),
    created_at: Time,
  })
  .openapi('Instance');

export const InstanceDetails = Instance.extend({
  golden_id: z.string(),
  reason: z.string().nullable().openapi({ description: 'Why it failed or is being released.' }),
  cpu_cores: z.int(),
  ram_mib: z.int(),
  novnc_url: z.string().nullable(),
  rdp_port: z.int().nullable(),
  ready_at: Time.nullable(),
  assigned_at: Time.nullable(),
  not_ready: z.string().nullable().openapi({
    description:
      'Why it is not to be used now: its engine makes it wait or has lost it, its guest, which answers, is not accepted yet, or an assigned VM is paused, not connected, without its disk, or not heard any more.',
  }),
  guest: z
    .object({
      windows: z.string().nullable(),
      build: z.string().nullable(),
      computer_name: z.string().nullable(),
      user_name: z.string().nullable(),
      ip: z.string().nullable(),
      clock_skew_ms: z.int().nullable(),
      seen_at: Time,
    })
    .nullable()
    .openapi({ description: 'What its guest says of itself; null before its agent first called in.' }),
}).openapi('InstanceDetails');

export const Assigned = z
  .object({
    instance_id: z.string(),
    container_id: z.string().nullable(),
    port: z.int().nullable().openapi({ description: 'Web port (noVNC); null only where the engine publishes none.' }),
    novnc_url: z.string().nullable(),
    rdp_port: z.int().nullable(),
  })
  .openapi('AssignedInstance');

export const GoldenImage = z
  .object({
    golden_id: z.string(),
    vm_type: z.string(),
    line: z.string().openapi({ description: 'What it is a version of.' }),
    version: z.int(),
    name: z.string(),
    oem_bundle: z.string().nullable().openapi({ description: 'The own files that it was installed with.' }),
    status: z.enum(IMAGE_WORDS),
    current: z.boolean().openapi({ description: 'New VMs of the pools of its line are cloned from it.' }),
    phase: z.enum(INSTALL_PHASES).nullable(),
    progress: z.number().nullable().openapi({
      description:
        'How far the whole installation is, 0 to 1; never goes back; 1 when it is ready. Null before it begins.',
    }),
    message: z.string().nullable().openapi({
      description: "The installation's own words, with the share of the phase where it names one.",
    }),
    stuck: z.string().nullable().openapi({
      description: 'Why it seems to stand still, what to look at, and how its logs end; null while it moves.',
    }),
    estimated_ready_at: Time.nullable().openapi({
      description: 'When it may be ready, by earlier installations of its vm_type; null where there was none.',
    }),
    reason: z.string().nullable().openapi({ description: 'Why it failed.' }),
    problem: z.string().nullable().openapi({
      description: 'Why no VM can be made of it although it is ready: its files are missing or were changed.',
    }),
    novnc_url: z.string().nullable().openapi({ description: 'Where to watch the installation.' }),
    created_at: Time,
    ready_at: Time.nullable(),
  })
  .openapi('GoldenImage');

const Part = z.object({ status: z.enum(['ok', 'degraded', 'down']), message: z.string() });
export const Health = z
  .object({
    status: z.enum(['ok', 'degraded', 'down']),
    version: z.string(),
    database: Part,
    bus: Part,
    provisioner: Part,
    storage: Part,
    guests: Part,
  })
  .openapi('Health');

export const Problem = z
  .object({
    detail: z.string().openapi({ description: 'What happened and what to do, in one string.' }),
    code: z.string().openapi({ example: 'NO_VM_IN_TIME' }),
    message: z.string(),
    fix: z.string().openapi({ description: 'What to do about it.' }),
  })
  .catchall(z.unknown())
  .openapi('Problem');

export const EventKind = z.enum(EVENT_KINDS);

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
