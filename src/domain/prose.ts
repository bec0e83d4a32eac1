import type { Kind } from './names.js';

/** A field of an action's input, by its own name. `names`: what it names by an id. */
export interface FieldName {
  readonly field: string;
  readonly names?: Kind | undefined;
}

/** A text for people in which fields are parts of their own: each API calls them by other names. Plain data, so it goes through JSON. */
export type Prose = string | readonly (string | FieldName)[];

export const field = (name: string, names?: Kind): FieldName => ({ field: name, names });

/** A text with fields, and with other such texts, in it. */
export function prose(texts: TemplateStringsArray, ...between: readonly (Prose | FieldName | number)[]): Prose {
  return texts.flatMap((text, n) => {
    const next = between[n] ?? '';
    return [text, ...(Array.isArray(next) ? next : [typeof next === 'number' ? String(next) : next])];
  });
}

/** The text as an API says it that calls fields so; left out: by their own names. */
export function told(text: Prose, nameOf: (field: FieldName) => string = ({ field }) => field): string {
  if (typeof text === 'string') return text;
  return text.map((part) => (typeof part === 'string' ? part : nameOf(part))).join('');
}
