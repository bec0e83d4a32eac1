import type * as domain from '../../domain/errors.js';
import type { RefusalCode as Code, Refusal } from '../../domain/errors.js';
import { builder } from '../builder.js';

/** A refusal as a resolver may return it: what is an Error itself would be thrown by the executor. */
export class Refused<R extends Refusal> {
  constructor(readonly refusal: R) {}
}

const typeOfCode = {
  INVALID_INPUT: 'InvalidInput',
  NOT_FOUND: 'NotFound',
  CONFLICT: 'Conflict',
  NO_GOLDEN_IMAGE: 'NoGoldenImage',
  NO_VM_IN_TIME: 'NoVmInTime',
  CAPACITY_EXHAUSTED: 'CapacityExhausted',
  UNAVAILABLE: 'Unavailable',
} as const satisfies Record<Code, string>;

/** How a result union tells its members apart. */
export function resultType(payload: string): (value: unknown) => string {
  return (value) => (value instanceof Refused ? typeOfCode[(value.refusal as Refusal).code] : payload);
}

const RefusalCode = builder.enumType('RefusalCode', {
  description: 'What kind of refusal it is, for programs.',
  values: {
    INVALID_INPUT: { description: 'A value of the input is out of its range or form.' },
    NOT_FOUND: { description: 'There is no such thing.' },
    CONFLICT: { description: 'The thing exists, but its present state does not allow this.' },
    NO_GOLDEN_IMAGE: { description: 'There is nothing to clone a VM from.' },
    NO_VM_IN_TIME: { description: 'The wait ended before a VM was free.' },
    CAPACITY_EXHAUSTED: { description: 'The host has no room for what was asked.' },
    UNAVAILABLE: { description: 'Something outside that this needs is not usable now.' },
  } satisfies Record<Code, { description: string }>,
});

const RefusalInterface = builder.interfaceRef<Refused<Refusal>>('Refusal').implement({
  description: 'An answer that a caller must expect: the mutation changed nothing, and says why and what to do.',
  fields: (t) => ({
    code: t.field({ type: RefusalCode, description: 'For programs.', resolve: ({ refusal }) => refusal.code }),
    message: t.string({
      description: 'For people: what was refused and why.',
      resolve: ({ refusal }) => refusal.message,
    }),
    fix: t.string({
      description: 'What the caller can do about it, one sentence.',
      resolve: ({ refusal }) => refusal.fix,
    }),
  }),
});
const interfaces = [RefusalInterface];

export const InvalidInput = builder.objectRef<Refused<domain.InvalidInput>>('InvalidInput').implement({
  description: 'A value of the input is out of its range or form.',
  interfaces,
  fields: (t) => ({
    field: t.string({ description: 'Name of the input field.', resolve: ({ refusal }) => refusal.field }),
    value: t.string({ description: 'What was given.', resolve: ({ refusal }) => refusal.value }),
  }),
});

export const NotFound = builder.objectRef<Refused<domain.NotFound>>('NotFound').implement({
  description: 'There is no such thing.',
  interfaces,
  fields: (t) => ({
    what: t.string({
      description: 'Kind of thing: golden image, VM, assignment, pool, image line, command, file or OEM bundle.',
      resolve: ({ refusal }) => refusal.what,
    }),
    value: t.string({ description: 'The id that was looked for.', resolve: ({ refusal }) => refusal.value }),
  }),
});

export const Conflict = builder.objectRef<Refused<domain.Conflict>>('Conflict').implement({
  description: 'The thing exists, but its present state does not allow this.',
  interfaces,
});

export const NoGoldenImage = builder.objectRef<Refused<domain.NoGoldenImage>>('NoGoldenImage').implement({
  description: 'There is no golden image to clone from.',
  interfaces,
  fields: (t) => ({
    vmType: t.string({ description: 'Windows version that was asked for.', resolve: ({ refusal }) => refusal.vmType }),
  }),
});

export const NoVmInTime = builder.objectRef<Refused<domain.NoVmInTime>>('NoVmInTime').implement({
  description: 'The wait ended before a VM was free, and the request was taken back.',
  interfaces,
  fields: (t) => ({
    vmType: t.string({ description: 'Windows version that was asked for.', resolve: ({ refusal }) => refusal.vmType }),
    waitedSeconds: t.int({
      description: 'How long it waited, in seconds.',
      resolve: ({ refusal }) => refusal.waitedSeconds,
    }),
    retryAfterSeconds: t.int({
      description: 'When to try again, in seconds.',
      resolve: ({ refusal }) => refusal.retryAfterSeconds,
    }),
  }),
});

export const CapacityExhausted = builder.objectRef<Refused<domain.CapacityExhausted>>('CapacityExhausted').implement({
  description: 'The host has no room for what was asked.',
  interfaces,
  fields: (t) => ({
    resource: t.string({
      description: 'What ran out: memory, disk, processors or ports.',
      resolve: ({ refusal }) => refusal.resource,
    }),
  }),
});

export const Unavailable = builder.objectRef<Refused<domain.Unavailable>>('Unavailable').implement({
  description: 'Something outside that this needs is not usable now.',
  interfaces,
  fields: (t) => ({
    part: t.string({
      description: 'What is not usable: database, docker, kvm, image, network, storage, screen or guest.',
      resolve: ({ refusal }) => refusal.part,
    }),
  }),
});

const types = {
  INVALID_INPUT: InvalidInput,
  NOT_FOUND: NotFound,
  CONFLICT: Conflict,
  NO_GOLDEN_IMAGE: NoGoldenImage,
  NO_VM_IN_TIME: NoVmInTime,
  CAPACITY_EXHAUSTED: CapacityExhausted,
  UNAVAILABLE: Unavailable,
} as const satisfies Record<Code, unknown>;

export const refusalTypes = (codes: readonly Code[]) => codes.map((code) => types[code]);
