import { InvalidInput } from '../domain/errors.js';
import { isLanguage, LANGUAGE_LIST } from '../domain/languages.js';
import { LIMITS } from '../domain/limits.js';
import { NAME } from '../domain/names.js';
import { OEM_BUNDLE_NAME } from '../domain/oemBundles.js';
import { normalizeVmType, VM_TYPES, vmTypeFacts } from '../domain/vmTypes.js';
import { maskUrls } from '../primitives/maskUrls.js';

/** Thrown inside a command by the checks below and turned into its answer by `checked`. */
class Rejected extends Error {
  constructor(readonly refusal: InvalidInput) {
    super(refusal.message);
  }
}

/** Runs the checks of a command's input; the first that fails is the answer. */
export function checked<T>(checks: () => T): T | InvalidInput {
  try {
    return checks();
  } catch (err) {
    if (err instanceof Rejected) return err.refusal;
    throw err;
  }
}

/** For checks of one input that stand elsewhere. */
export function reject(field: string, value: unknown, fix: string): never {
  throw new Rejected(new InvalidInput(field, String(value), fix));
}

export function vmTypeOf(given: string): string {
  const vmType = normalizeVmType(given);
  if (vmTypeFacts(vmType) === undefined) reject('vmType', given, `Give one of: ${VM_TYPES.join(', ')}.`);
  return vmType;
}

/** The name of a pool or a line. */
export function nameOf(field: string, given: string): string {
  if (!NAME.test(given))
    reject(field, given, 'Give 1 to 63 small letters, digits, dots, dashes and underscores; a letter or digit first.');
  return given;
}

/** Marks that nobody sees, or that turn the order in which text is read: two names look alike, one reads as another. */
const INVISIBLE = /[\p{DI}\p{Zl}\p{Zp}\uFFF9-\uFFFB]/gu;

/** Those of them that Persian, Indian and other scripts, and emoji, are written with, where they are. */
const PART_OF_WRITING =
  /(?<=[\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{sc=Arabic}])[\u200C\u200D](?=[\p{L}\p{Extended_Pictographic}])|(?<=\p{Extended_Pictographic})[\uFE0E\uFE0F]|\uFE0F(?=\u20E3)/gu;

/** A line of text that people wrote: 1 to `max` characters, no control characters or invisible marks, trimmed. */
export function textOf(field: string, given: string, max: number): string {
  const text = given.trim();
  if (text === '') reject(field, given, 'It must not be empty.');
  if (text.length > max) reject(field, given, `Give at most ${max} characters, not ${text.length}.`);
  if (/\p{Cc}/u.test(text)) reject(field, given, 'Leave out control characters and line breaks.');
  if (text.replace(PART_OF_WRITING, '').search(INVISIBLE) >= 0)
    reject(field, text.replace(INVISIBLE, '�'), 'Leave out invisible marks and marks of the direction of writing.');
  // Half of a surrogate pair can't be stored: what comes back is not what was given.
  if (!text.isWellFormed()) reject(field, text.toWellFormed(), 'Leave out characters that are not valid Unicode.');
  return text;
}

/** A text that something is looked for by, as it is: whatever can't be stored can't be found either, and the database refuses it. */
export function checkedText(field: string, given: string): string | InvalidInput {
  return checked(() => {
    const most = LIMITS.argumentCharacters.value;
    if (given.length > most) reject(field, given, `Give at most ${most} characters, not ${given.length}.`);
    if (/\p{Cc}/u.test(given.trim())) reject(field, given, 'Leave out control characters and line breaks.');
    if (!given.isWellFormed()) reject(field, given.toWellFormed(), 'Leave out characters that are not valid Unicode.');
    return given;
  });
}

/** `why`: where the limits come from, when that is not plain. */
export function wholeNumberOf(field: string, given: number, min: number, max: number, why?: string): number {
  if (!Number.isInteger(given) || given < min || given > max)
    reject(field, given, `Give a whole number from ${min} to ${max}${why === undefined ? '' : `: ${why}`}.`);
  return given;
}

export function languageOf(given: string): string {
  // As the image's own table has its letters.
  const language = given.trim().normalize('NFC');
  if (!isLanguage(language))
    reject('language', given, `Give one by name or code, with a region if you want (de-AT): ${LANGUAGE_LIST}.`);
  return language;
}

export function isoUrlOf(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const refuse = (fix: string) => reject('isoUrl', maskUrls(url?.href ?? given), fix);
  if (url === undefined || !/^https?:$/.test(url.protocol)) return refuse('Give an http or https URL.');
  if (url.href.length > 2000) refuse('Give at most 2000 characters.');
  if (/^windows(\.|$)/i.test(fileNameIn(url)))
    refuse('Offer the medium by a file name that does not begin with "windows.": the guest image keeps these.');
  // As it was understood: without blanks around it, and with everything odd encoded.
  return url.href;
}

/** The name under which the guest image keeps what it downloads: the last part of the URL, a host's name where there is no other. */
function fileNameIn({ href }: URL): string {
  const path = href.replace(/[?#].*$/s, '').replace(/\/+$/, '');
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.replaceAll(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

export function oemBundleOf(field: string, given: string): string {
  if (!OEM_BUNDLE_NAME.test(given))
    reject(field, given, 'Give 1 to 64 small letters, digits, dots, dashes and underscores; a letter or digit first.');
  return given;
}

export function uuidOf(field: string, given: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(given))
    reject(field, given, 'Give an id as this API returned it.');
  return given.toLowerCase();
}
