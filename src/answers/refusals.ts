import type { Context } from 'hono';
import {
  CapacityExhausted,
  InvalidInput,
  NoGoldenImage,
  NotFound,
  NoVmInTime,
  Refusal,
  Unavailable,
} from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { type FieldName, told } from '../domain/prose.js';
import { AlreadyThere } from '../domain/share.js';
import { shorten } from '../primitives/shorten.js';
import { nameHere } from './names.js';

/** The body of every answer that is not a success. `detail` is the field that clients of the prototype read. */
export interface ProblemBody {
  detail: string;
  code: string;
  message: string;
  fix: string;
  [fact: string]: string | number;
}

export type ProblemStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 409
  | 410
  | 412
  | 413
  | 415
  | 416
  | 421
  | 422
  | 429
  | 500
  | 503;

/** Of what a caller gave, a message may repeat a part. */
const MOST = LIMITS.errorCharacters.value;
/** When a refusal does not say itself after how long it is worth another try. */
const RETRY_SECONDS = 30;

/** A refusal that nobody mapped does not compile. */
export function httpStatus(refusal: Refusal): ProblemStatus {
  if (refusal instanceof AlreadyThere) return 412; // only who demanded it by a precondition is told so
  switch (refusal.code) {
    case 'INVALID_INPUT':
      return 422;
    case 'NOT_FOUND':
      return 404;
    case 'CONFLICT':
    case 'NO_GOLDEN_IMAGE':
      return 409;
    case 'NO_VM_IN_TIME':
    case 'CAPACITY_EXHAUSTED':
    case 'UNAVAILABLE':
      return 503;
    default:
      return refusal.code satisfies never;
  }
}

/** Ends the handler with this refusal, or hands on the success. `answerFault` makes the response. */
export function unwrap<T>(result: T): Exclude<T, Refusal> {
  if (result instanceof Refusal) throw result;
  return result as Exclude<T, Refusal>;
}

export function problem(
  code: string,
  message: string,
  fix: string,
  facts: Record<string, string | number> = {},
): ProblemBody {
  const [what, advice] = [shorten(message, MOST), shorten(fix, MOST)];
  const detail = what.endsWith(advice) ? what : `${what}. ${advice}`;
  return { detail, code, message: what, fix: advice, ...facts };
}

export function answerRefusal(c: Context, refusal: Refusal): Response {
  return answer(c, refusal, nameHere);
}

/** A refusal whose field has its name here already, or the one that the caller gave it. */
export function answerAsNamed(c: Context, refusal: Refusal): Response {
  return answer(c, refusal, ({ field }) => field);
}

function answer(c: Context, refusal: Refusal, nameOf: (field: FieldName) => string): Response {
  const status = httpStatus(refusal);
  if (status === 503)
    c.header('Retry-After', String(refusal instanceof NoVmInTime ? refusal.retryAfterSeconds : RETRY_SECONDS));
  const fix = refusal instanceof NoGoldenImage ? makeOne(refusal) : told(refusal.prose.fix, nameOf);
  const body = problem(refusal.code, told(refusal.prose.message, nameOf), fix, factsOf(refusal, nameOf));
  return c.json(body, status);
}

function makeOne({ vmType, line }: NoGoldenImage): string {
  const query = new URLSearchParams({ vm_type: vmType, ...(line !== vmType && { line }) });
  return `Create one first: POST /api/vms/golden-images?${query.toString()}.`;
}

function factsOf(refusal: Refusal, nameOf: (field: FieldName) => string): Record<string, string | number> {
  if (refusal instanceof InvalidInput) return { field: nameOf(refusal), value: refusal.value };
  if (refusal instanceof NotFound) return { what: refusal.what };
  if (refusal instanceof NoGoldenImage) return { vm_type: refusal.vmType };
  if (refusal instanceof NoVmInTime) {
    const { vmType, waitedSeconds, retryAfterSeconds } = refusal;
    return { vm_type: vmType, waited_seconds: waitedSeconds, retry_after_seconds: retryAfterSeconds };
  }
  if (refusal instanceof CapacityExhausted) return { resource: refusal.resource };
  if (refusal instanceof Unavailable) return { part: refusal.part };
  return {};
}
