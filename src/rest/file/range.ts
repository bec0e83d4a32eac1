/** A part of a file, as RFC 9110 asks for it: from `start` up to but not with `end`. */
export interface Part {
  start: number;
  end: number;
}

/** No two runs of blanks side by side: where they end would be tried for every pair of places. */
const RANGE = /^bytes=(?:\s*(\d+))?\s*-\s*(?:(\d+)\s*)?$/i;

/** What of a file of `size` bytes is asked for. Undefined: the whole; several parts at once, which nobody must serve, are that too. */
export function partOf(range: string | undefined, size: number): Part | undefined | 'unsatisfiable' {
  const [, first = '', last = ''] = RANGE.exec(range ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined; // not a range at all: to be passed over
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}

/** Whether one of the entity tags is this one. Weak ones name the same content here. */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((part) => part.trim().replace(/^W\//, '') === tag);
}

/** Whether the part that is asked for is one of the content as it is now; else the whole is due. */
export function isStillThat(ifRange: string | undefined, tag: string, modifiedAt: Date): boolean {
  if (ifRange === undefined) return true;
  const given = ifRange.trim();
  if (given.startsWith('"')) return given === tag;
  return Date.parse(given) === Math.floor(modifiedAt.getTime() / 1000) * 1000;
}
