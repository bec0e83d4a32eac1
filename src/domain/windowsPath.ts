/** Paths of callers' files, as Windows will see them. Pure. */
import type { SharePath } from './share.js';

/** The drive letter that the guest gives its shared folder. */
const DRIVE = 'Z:\\';
/** Windows' MAX_PATH without the zero at the end: programs that do not ask for more can't open longer ones. */
const MAX_PATH = 259;
/** What of it is left for a place in the share. */
export const LONGEST_PATH = MAX_PATH - DRIVE.length;
/** Units of UTF-16 for Windows, bytes of UTF-8 for the file system that holds the share. */
const MAX_NAME = 255;
const MAX_DEPTH = 32;

/** With any extension, too: "con.txt" is the console. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*(?:\.|$)/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[<>:"|?*\u0000-\u001f\u007f-\u009f]/; // oxlint-disable-line no-control-regex

const BEGIN_WRITABLE = 'Begin the path with in/, such as in/setup.exe.';
const BEGIN_READABLE = 'Begin the path with in/ or out/.';

/** How the guest calls a place in its share. */
export function guestPath(path: SharePath): string {
  return DRIVE + path.join('\\');
}

/** The place of a file that a caller hands in, below the share; or what is wrong with it and how to mend that. */
export function writablePath(text: string): SharePath | string {
  const path = split(text, BEGIN_WRITABLE);
  if (typeof path === 'string') return path;
  const [top, ...names] = path;
  if (top === 'out') return 'Only the guest writes to out/: give a path that begins with in/.';
  if (top !== 'in' || names.length === 0) return BEGIN_WRITABLE;
  return problemOfNames(names) ?? tooLong(path) ?? path;
}

/** A place in a set of files that Windows will be given: no drive, no share. */
export function windowsPath(text: string): SharePath | string {
  const path = split(text, 'Name a file, such as install.bat.');
  return typeof path === 'string' ? path : (problemOfNames(path) ?? tooLong(path) ?? path);
}

/** A place that is there already, under whatever name the guest gave it; the folders in/ and out/ themselves too. */
export function readablePath(text: string): SharePath | string {
  const path = split(text, BEGIN_READABLE);
  if (typeof path === 'string') return path;
  return path[0] === 'in' || path[0] === 'out' ? path : BEGIN_READABLE;
}

/** What holds for every path, whoever made the file. */
function split(text: string, ifEmpty: string): SharePath | string {
  if (text === '') return ifEmpty;
  if (!text.isWellFormed()) return 'Leave out characters that are not valid Unicode.';
  if (text.includes('\0')) return 'Leave out control characters.';
  if (/^[a-z]:[\\/]/i.test(text)) return 'Leave out the drive letter, and put "/" between names.';
  if (text.startsWith('/')) return 'Give a path without a slash at its beginning.';
  const path = text.split('/');
  if (path.includes('')) return 'Leave out empty names: one slash between two names, none at the end.';
  if (path.some((name) => name === '.' || name === '..')) return 'Leave out "." and "..": name each folder itself.';
  if (path.length > MAX_DEPTH) return `Give at most ${MAX_DEPTH} names, not ${path.length}.`;
  return path;
}

function problemOfNames(names: SharePath): string | undefined {
  for (const name of names) {
    const problem = problemOfName(name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfName(name: string): string | undefined {
  const shown = JSON.stringify(name.slice(0, 60));
  if (name.includes('\\')) return 'Put "/" between names, not "\\".';
  if (name.includes(':')) return `Leave out ":": Windows takes none in a name (${shown}).`;
  const character = FORBIDDEN.exec(name)?.[0];
  if (character !== undefined) return `Windows takes no ${JSON.stringify(character)} in a name (${shown}).`;
  if (/[. ]$/.test(name)) return `Windows takes no name that ends with a dot or a blank (${shown}).`;
  if (RESERVED.test(name)) return `Windows keeps the name ${shown} for a device: take another.`;
  if (name.length > MAX_NAME || utf8Length(name) > MAX_NAME) {
    return `Give names of at most ${MAX_NAME} bytes of UTF-8, not ${utf8Length(name)}.`;
  }
  return undefined;
}

function tooLong(path: SharePath): string | undefined {
  const { length } = guestPath(path);
  return length > MAX_PATH
    ? `Windows programs take paths of up to ${MAX_PATH} characters; as ${DRIVE}… this one has ${length}.`
    : undefined;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
