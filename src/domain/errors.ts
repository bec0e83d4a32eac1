import { shorten } from '../primitives/shorten.js';
import { LIMITS } from './limits.js';

const ECHOED = LIMITS.echoedCharacters.value;

/**
 * Refusals: answers that a caller must expect. They are returned, not thrown, and are types in the GraphQL schema.
 * Each names what was refused, the value, and what to do next. Anything thrown is a fault.
 */

export abstract class Refusal extends Error {
  abstract readonly code: RefusalCode;
  /** What the caller can do about it, one sentence. */
  abstract readonly fix: string;
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
  constructor(
    field: string,
    value: string,
    readonly fix: string,
  ) {
    const [name, given] = [shorten(field, ECHOED), shorten(value, ECHOED)];
    super(`${name}: ${JSON.stringify(given)} is not accepted. ${fix}`);
    this.field = name;
    this.value = given;
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
  readonly fix: string;
  readonly value: string;
  constructor(
    readonly what: keyof typeof WHERE_TO_LOOK,
    value: string,
  ) {
    const given = shorten(value, ECHOED);
    super(`there is no ${what} ${JSON.stringify(given)}`);
    this.value = given;
    this.fix = WHERE_TO_LOOK[what];
  }
}

/** The thing exists, but its present state does not allow this. */
export class Conflict extends Refusal {
  readonly code = 'CONFLICT';
  constructor(
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/** Nothing to clone from. */
export class NoGoldenImage extends Refusal {
  readonly code = 'NO_GOLDEN_IMAGE';
  readonly fix: string;
  /** `line`: of the pool that was asked; that of the vmType's name where it is left out. */
  constructor(
    readonly vmType: string,
    readonly line = vmType,
  ) {
    const [type, name] = [JSON.stringify(vmType), JSON.stringify(line)];
    const isDefault = line === vmType;
    super(`there is no golden image of ${isDefault ? `vmType ${type}` : `line ${name}`}, ready or being installed`);
    this.fix = `Create one first: createGoldenImage(input: {vmType: ${type}${isDefault ? '' : `, line: ${name}`}}).`;
  }
}

/** The caller's wait ended before a VM was there. */
export class NoVmInTime extends Refusal {
  readonly code = 'NO_VM_IN_TIME';
  readonly fix: string;
  constructor(
    readonly vmType: string,
    readonly waitedSeconds: number,
    readonly retryAfterSeconds: number,
    why: string | null,
    /** Where the caller named one. */
    pool?: string,
  ) {
    const what = pool === undefined ? `vmType ${JSON.stringify(vmType)}` : `pool ${JSON.stringify(pool)}`;
    super(`no VM of ${what} was free within ${waitedSeconds} s${why ? `: ${why}` : ''}`);
    this.fix = `Try again in ${retryAfterSeconds} s, wait longer, or raise hotSpares or maxVms of the pool.`;
  }
}

/** The host has no room for what was asked. */
export class CapacityExhausted extends Refusal {
  readonly code = 'CAPACITY_EXHAUSTED';
  constructor(
    readonly resource: 'memory' | 'disk' | 'processors' | 'ports',
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/** Something outside that this needs (the engine, KVM, storage) is not usable now. */
export class Unavailable extends Refusal {
  readonly code = 'UNAVAILABLE';
  constructor(
    readonly part: 'database' | 'docker' | 'kvm' | 'image' | 'network' | 'storage' | 'screen' | 'guest',
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/** The refusals with these codes. */
export type RefusalOf<Code extends RefusalCode> = Extract<
  InvalidInput | NotFound | Conflict | NoGoldenImage | NoVmInTime | CapacityExhausted | Unavailable,
  { readonly code: Code }
>;
