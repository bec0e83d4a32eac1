import { shorten } from '../primitives/shorten.js';
import { LIMITS } from './limits.js';
import type { Kind } from './names.js';
import { type FieldName, field, type Prose, prose, told } from './prose.js';

const ECHOED = LIMITS.echoedCharacters.value;

/**
 * Refusals: answers that a caller must expect. They are returned, not thrown, and are types in the GraphQL schema.
 * Each names what was refused, the value, and what to do next. Anything thrown is a fault.
 */

export abstract class Refusal extends Error {
  abstract readonly code: RefusalCode;
  /** What the caller can do about it, one sentence. */
  readonly fix: string;
  /** Message and fix for an API that calls fields by other names than actions do. */
  readonly prose: Readonly<Record<'message' | 'fix', Prose>>;
  constructor(message: Prose, fix: Prose) {
    super(told(message));
    this.fix = told(fix);
    this.prose = { message, fix };
  }
}

export type RefusalCode =
  | 'INVALID_INPUT'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'NO_GOLDEN_IMAGE'
  | 'NO_VM_IN_TIME'
  | 'CAPACITY_EXHAUSTED'
  | 'UNAVAILABLE';

/** A value of the input is out of its range or form. */
export class InvalidInput extends Refusal {
  readonly code = 'INVALID_INPUT';
  /** What they are called and what was given is the caller's text: no more of it goes back than people need. */
  readonly field: string;
  readonly value: string;
  /** What the field names by an id. */
  readonly names: Kind | undefined;
  constructor(of: string | FieldName, value: string, fix: Prose) {
    const { field: name, names } = typeof of === 'string' ? field(of) : of;
    const [called, given] = [field(shorten(name, ECHOED), names), shorten(value, ECHOED)];
    super(prose`${called}: ${JSON.stringify(given)} is not accepted. ${fix}`, fix);
    this.field = called.field;
    this.value = given;
    this.names = names;
  }
}

/** By what is not there. Words that fit every API. */
const WHERE_TO_LOOK = {
  'golden image': 'List the golden images and take the id from there.',
  VM: 'List the VMs and take the id from there.',
  assignment: 'List the assignments and take the id from there.',
  pool: 'List the pools and take the name from there.',
  'image line': 'List the image lines and take the name from there, or make it with its first golden image.',
  command: 'List the commands of its VM and take the id from there.',
  file: 'List the folder, or the OEM bundle, that it should be in; capital and small letters differ.',
  'OEM bundle': 'List the OEM bundles, or put a file into this one, which makes it.',
} as const;

/** There is no such thing. */
export class NotFound extends Refusal {
  readonly code = 'NOT_FOUND';
  readonly value: string;
  constructor(
    readonly what: keyof typeof WHERE_TO_LOOK,
    value: string,
  ) {
    const given = shorten(value, ECHOED);
    super(`there is no ${what} ${JSON.stringify(given)}`, WHERE_TO_LOOK[what]);
    this.value = given;
  }
}

/** The thing exists, but its present state does not allow this. */
export class Conflict extends Refusal {
  readonly code = 'CONFLICT';
}

const VM_TYPE = field('vmType');

/** Nothing to clone from. */
export class NoGoldenImage extends Refusal {
  readonly code = 'NO_GOLDEN_IMAGE';
  /** `line`: of the pool that was asked; that of the vmType's name where it is left out. */
  constructor(
    readonly vmType: string,
    readonly line = vmType,
  ) {
    const [type, name] = [JSON.stringify(vmType), JSON.stringify(line)];
    const isDefault = line === vmType;
    super(
      prose`there is no golden image of ${isDefault ? prose`${VM_TYPE} ${type}` : `line ${name}`}, ready or being installed`,
      prose`Create one first: createGoldenImage(input: {${VM_TYPE}: ${type}${isDefault ? '' : `, line: ${name}`}}).`,
    );
  }
}

/** The caller's wait ended before a VM was there. */
export class NoVmInTime extends Refusal {
  readonly code = 'NO_VM_IN_TIME';
  constructor(
    readonly vmType: string,
    readonly waitedSeconds: number,
    readonly retryAfterSeconds: number,
    why: string | null,
    /** Where the caller named one. */
    pool?: string,
  ) {
    const what = pool === undefined ? prose`${VM_TYPE} ${JSON.stringify(vmType)}` : `pool ${JSON.stringify(pool)}`;
    super(
      prose`no VM of ${what} was free within ${waitedSeconds} s${why ? `: ${why}` : ''}`,
      prose`Try again in ${retryAfterSeconds} s, wait longer, or raise ${field('hotSpares')} or ${field('maxVms')} of the pool.`,
    );
  }
}

/** The host has no room for what was asked. */
export class CapacityExhausted extends Refusal {
  readonly code = 'CAPACITY_EXHAUSTED';
  constructor(
    readonly resource: 'memory' | 'disk' | 'processors' | 'ports',
    message: Prose,
    fix: Prose,
  ) {
    super(message, fix);
  }
}

/** Something outside that this needs (the engine, KVM, storage) is not usable now. */
export class Unavailable extends Refusal {
  readonly code = 'UNAVAILABLE';
  constructor(
    readonly part: 'database' | 'docker' | 'kvm' | 'image' | 'network' | 'storage' | 'screen' | 'guest',
    message: Prose,
    fix: Prose,
  ) {
    super(message, fix);
  }
}

/** The refusals with these codes. */
export type RefusalOf<Code extends RefusalCode> = Extract<
  InvalidInput | NotFound | Conflict | NoGoldenImage | NoVmInTime | CapacityExhausted | Unavailable,
  { readonly code: Code }
>;
