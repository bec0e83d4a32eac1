/** What the inputs of actions are made of. A limit, a default and a description stand at the field of the action that has it. */
import { z } from 'zod';
import { LIMITS } from '../domain/limits.js';
import { type Kind, nameUpTo } from '../domain/names.js';
import { LONGEST_BUNDLE_NAME } from '../domain/oemBundles.js';
import { field, prose, told } from '../domain/prose.js';
import { lineOf, Unfit, vmTypeOf } from './input.js';

/** A text as `check` keeps it. `maxLength`: what it bounds by, where that is a length. */
export function checkedText<Kept>(check: (given: string) => Kept | Unfit, maxLength?: number) {
  return z
    .string()
    .transform((given, ctx): Kept => {
      const kept = check(given);
      if (!(kept instanceof Unfit)) return kept;
      ctx.addIssue({ code: 'custom', message: kept.fix, params: { shown: kept.shown ?? given } });
      return z.NEVER;
    })
    .meta(maxLength === undefined ? {} : { maxLength });
}

/** The description of a field that names others: for `meta`. */
export function described(...text: Parameters<typeof prose>) {
  const whole = prose(...text);
  return { description: told(whole), prose: whole };
}

/** A line of text that people wrote, trimmed. */
export const line = (max: number) => checkedText((given) => lineOf(given, max), max);

/** `why`: where the limits come from, when that is not plain. */
export function wholeNumber(min: number, max: number, why?: string) {
  const error = `Give a whole number from ${min} to ${max}${why === undefined ? '' : `: ${why}`}.`;
  return z.int(error).min(min, error).max(max, error);
}

export const uuid = (fix = 'Give an id as this API returned it.') =>
  z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, fix)
    .toLowerCase();

/** The bare UUID of a thing. Edges that know things by other ids put it in their place. */
export const idOf = (kind: Kind) => uuid().meta({ names: kind });

export const VM_TYPE_DESCRIPTION = 'Windows version, such as `11` or `2022`; `win11` is understood too.';
export const vmType = () => checkedText(vmTypeOf).describe(VM_TYPE_DESCRIPTION);

/** For whoever works in a VM. */
export const assignedTo = () => line(200).describe('Refuse when the VM is not assigned to just this.');

/** The VM that a verb is about. */
export const aVm = () => idOf('Vm').describe('The VM.');

/** Virtual processors of a machine. */
export const cpuCores = () => wholeNumber(1, 256);
/** Memory that Windows sees. */
export const ramMiB = (least = 1) => wholeNumber(least, 1_048_576);
/** Size of the disk as Windows sees it. */
export const diskGiB = (least = 1) => wholeNumber(least, 16_384);

export const idempotencyKey = (description: string) => line(200).optional().describe(description);

/** How long the caller waits for the answer, which comes at once unless they say so. */
export const waitSeconds = (description: string) =>
  wholeNumber(0, LIMITS.waitSeconds.value)
    .default(0)
    .describe(`${description}, in seconds, up to ${LIMITS.waitSeconds.value}.`);

/** Items of a page for whoever does not say how many. */
export const PAGE_ITEMS = 50;

/** How many items of a page: more than there may be are not refused, and not given. */
export const first = () =>
  z
    .int()
    .min(0, `Give a number from 0 to ${LIMITS.pageItems.value}.`)
    .optional()
    .transform((asked = PAGE_ITEMS) => Math.min(asked, LIMITS.pageItems.value))
    .describe(`Size of the page: ${PAGE_ITEMS} when it is not given, at most ${LIMITS.pageItems.value}.`);

/** A place in the share of a VM. What Windows and the share take is found out where it is looked for. */
export const sharePath = () =>
  z
    .string()
    .describe(
      'With slashes: `in/…` (`Z:\\in` in the guest) is what callers hand in, `out/…` (`Z:\\out`) what the guest hands out.',
    );

const charactersOf = (most: number) =>
  `1 to ${most} small letters, digits, dots, dashes and underscores; a letter or digit first.`;

const named = (most: number) =>
  z
    .string()
    .regex(nameUpTo(most), `Give ${charactersOf(most)}`)
    .meta({ maxLength: most });

/** What a pool or a line of golden images is called. */
export const aName = () => named(63);

/** What a set of the user's own files is called. */
export const bundleName = () => named(LONGEST_BUNDLE_NAME);
export const BUNDLE_DESCRIPTION = charactersOf(LONGEST_BUNDLE_NAME);

/** Fields that descriptions and refusals name. */
export const VM_TYPE = field('vmType');
export const VM_ID = field('vmId', 'Vm');

/** For verbs that are about one pool. */
export const poolFields = {
  pool: aName()
    .optional()
    .meta(described`Name of the pool. Left out: the default pool of the ${VM_TYPE}, which bears its name.`),
  vmType: vmType().optional().describe(`${VM_TYPE_DESCRIPTION} Left out: that of the pool, or \`11\`.`),
};
