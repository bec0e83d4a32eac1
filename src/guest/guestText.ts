import { isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';
import type { Guest } from '../db/guests.js';

/** Windows' own number of UTF-8. */
const UTF8 = 65_001;
/** The OEM code page of a Windows that did not say: that of the United States. */
const DEFAULT_CODE_PAGE = 437;
/** Windows 10 1809 and Server 2019: the first whose cmd.exe reads batch files in UTF-8 reliably. */
const UTF8_BUILD = [10, 0, 17_763];

type Reader = Pick<Guest, 'build' | 'codePage'>;

/**
 * The batch file as cmd.exe of this guest reads it right, or undefined when its code page lacks a character. It prints what
 * the commands print and not the commands: users expect output only.
 */
export function encodeJob(text: string, guest: Reader): Uint8Array | undefined {
  const lines = text.replace(/\r\n|\r|\n/g, '\r\n');
  const body = `@echo off\r\n${lines}\r\n`;
  if (readsUtf8(guest)) return Buffer.from(`@chcp ${UTF8}>nul\r\n${body}`, 'utf8');
  const encoding = encodingOf(guest.codePage);
  const bytes = iconv.encode(body, encoding);
  // What a code page lacks becomes a question mark, which says something else.
  return iconv.decode(bytes, encoding) === body ? bytes : undefined;
}

/** Why there is no such batch file, after "the". */
export function whatLacks({ codePage }: Pick<Guest, 'codePage'>): string {
  return `guest's Windows reads batch files in code page ${codePage ?? 'unknown'}, which lacks some of its characters`;
}

function readsUtf8({ build, codePage }: Reader): boolean {
  if (codePage === UTF8) return true;
  const parts = /^(\d{1,6})\.(\d{1,6})\.(\d{1,9})/
    .exec(build ?? '')
    ?.slice(1)
    .map(Number);
  if (parts === undefined) return false;
  const at = parts.findIndex((part, n) => part !== UTF8_BUILD[n]);
  return at === -1 || (parts[at] as number) > (UTF8_BUILD[at] as number);
}

/** The name of a code page in iconv-lite; ASCII, where nobody knows it: nothing else may be taken for granted. */
function encodingOf(codePage: number | null): string {
  if (codePage === UTF8) return 'utf8';
  const name = `cp${codePage ?? DEFAULT_CODE_PAGE}`;
  return iconv.encodingExists(name) ? name : 'ascii';
}

/**
 * What a program wrote, as text that can be stored. UTF-16 is known by its mark; what is valid UTF-8 is that; everything else is in
 * the code page. While more may come (`cut`), a character whose end is missing is left for later.
 */
export function decodeOutput(bytes: Uint8Array, codePage: number | null, cut: boolean): string {
  return storable(decoded(bytes, codePage, cut));
}

function decoded(bytes: Uint8Array, codePage: number | null, cut: boolean): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    const even = bytes.subarray(2, bytes.length - (bytes.length % 2));
    const text = Buffer.from(even).toString('utf16le');
    return cut && /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text;
  }
  const whole = cut ? bytes.subarray(0, bytes.length - missingEnd(bytes)) : bytes;
  if (isUtf8(whole))
    return Buffer.from(whole)
      .toString('utf8')
      .replace(/^\uFEFF/, '');
  const decoder = iconv.getDecoder(encodingOf(codePage));
  const text = decoder.write(Buffer.from(bytes));
  return cut ? text : text + (decoder.end() ?? '');
}

/** How many bytes at the end begin a UTF-8 character of which more must come: 0 to 3. */
function missingEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue; // the middle of one
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** Text that Postgres takes and gives back as it was: without NUL and halves of characters. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
