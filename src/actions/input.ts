import { InvalidInput } from '../domain/errors.js';
import { isLanguage, LANGUAGE_LIST } from '../domain/languages.js';
import { LIMITS } from '../domain/limits.js';
import { normalizeVmType, VM_TYPES, vmTypeFacts } from '../domain/vmTypes.js';
import { maskUrls } from '../primitives/maskUrls.js';

/** Why a text is not taken: what to do, one sentence. `shown`: what is repeated of it, where that is not as it came. */
export class Unfit {
  constructor(
    readonly fix: string,
    readonly shown?: string,
  ) {}
}

export function vmTypeOf(given: string): string | Unfit {
  const vmType = normalizeVmType(given);
  return vmTypeFacts(vmType) === undefined ? new Unfit(`Give one of: ${VM_TYPES.join(', ')}.`) : vmType;
}

/** Marks that nobody sees, or that turn the order in which text is read: two names look alike, one reads as another. */
const INVISIBLE = /[\p{DI}\p{Zl}\p{Zp}\uFFF9-\uFFFB]/gu;

/** Those of them that Persian, Indian and other scripts, and emoji, are written with, where they are. */
const PART_OF_WRITING =
  /(?<=[\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{sc=Arabic}])[\u200C\u200D](?=[\p{L}\p{Extended_Pictographic}])|(?<=\p{Extended_Pictographic})[\uFE0E\uFE0F]|\uFE0F(?=\u20E3)/gu;

export const NO_CONTROLS = 'Leave out control characters and line breaks.';
// Half of a surrogate pair can't be stored: what comes back is not what was given.
export const NO_HALVES = 'Leave out characters that are not valid Unicode.';

/** A line of text that people wrote: 1 to `max` characters, no control characters or invisible marks, trimmed. */
export function lineOf(given: string, max: number): string | Unfit {
  const text = given.trim();
  if (text === '') return new Unfit('It must not be empty.');
  if (text.length > max) return new Unfit(`Give at most ${max} characters, not ${text.length}.`);
  if (/\p{Cc}/u.test(text)) return new Unfit(NO_CONTROLS);
  if (text.replace(PART_OF_WRITING, '').search(INVISIBLE) >= 0)
    return new Unfit(
      'Leave out invisible marks and marks of the direction of writing.',
      text.replace(INVISIBLE, '\uFFFD'),
    );
  return text.isWellFormed() ? text : new Unfit(NO_HALVES, text.toWellFormed());
}

/** The refusal of a text that something is looked for by, as it is: whatever can't be stored can't be found either, and the database refuses it. */
export function refuseText(field: string, given: string): InvalidInput | undefined {
  const most = LIMITS.argumentCharacters.value;
  if (given.length > most)
    return new InvalidInput(field, given, `Give at most ${most} characters, not ${given.length}.`);
  if (/\p{Cc}/u.test(given.trim())) return new InvalidInput(field, given, NO_CONTROLS);
  return given.isWellFormed() ? undefined : new InvalidInput(field, given.toWellFormed(), NO_HALVES);
}

export function languageOf(given: string): string | Unfit {
  // As the image's own table has its letters.
  const language = given.trim().normalize('NFC');
  if (isLanguage(language)) return language;
  return new Unfit(`Give one by name or code, with a region if you want (de-AT): ${LANGUAGE_LIST}.`);
}

export const LONGEST_URL = 2000;

export function isoUrlOf(given: string): string | Unfit {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const unfit = (fix: string) => new Unfit(fix, maskUrls(url?.href ?? given));
  if (url === undefined || !/^https?:$/.test(url.protocol)) return unfit('Give an http or https URL.');
  if (url.href.length > LONGEST_URL) return unfit(`Give at most ${LONGEST_URL} characters.`);
  if (/^windows(\.|$)/i.test(fileNameIn(url)))
    return unfit('Offer the medium by a file name that does not begin with "windows.": the guest image keeps these.');
  // As it was understood: without blanks around it, and with everything odd encoded.
  return url.href;
}

/** The name under which the guest image keeps what it downloads: the last part of the URL, a host's name where there is no other. */
function fileNameIn({ href }: URL): string {
  const path = href.replace(/[?#].*$/s, '').replace(/\/+$/, '');
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.replaceAll(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
