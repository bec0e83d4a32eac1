/**
 * Keys by their names, as X11 keysyms: what a VNC server takes. A guest gets them as keys of a US keyboard, whatever layout
 * Windows has. Pure.
 */

/** Modifiers, which may stand before another key. */
const MODIFIERS = {
  shift: 0xffe1,
  ctrl: 0xffe3,
  alt: 0xffe9,
  win: 0xffeb,
  rshift: 0xffe2,
  rctrl: 0xffe4,
  ralt: 0xffea,
  rwin: 0xffec,
} as const;

const NAMED = {
  enter: 0xff0d,
  tab: 0xff09,
  esc: 0xff1b,
  space: 0x20,
  backspace: 0xff08,
  delete: 0xffff,
  insert: 0xff63,
  home: 0xff50,
  end: 0xff57,
  pageup: 0xff55,
  pagedown: 0xff56,
  left: 0xff51,
  up: 0xff52,
  right: 0xff53,
  down: 0xff54,
  printscreen: 0xff61,
  pause: 0xff13,
  menu: 0xff67,
  capslock: 0xffe5,
  numlock: 0xff7f,
  scrolllock: 0xff14,
  plus: 0x2b,
  f1: 0xffbe,
  f2: 0xffbf,
  f3: 0xffc0,
  f4: 0xffc1,
  f5: 0xffc2,
  f6: 0xffc3,
  f7: 0xffc4,
  f8: 0xffc5,
  f9: 0xffc6,
  f10: 0xffc7,
  f11: 0xffc8,
  f12: 0xffc9,
} as const;

/** Other names that people know a key by. */
const ALIASES: Record<string, string> = {
  control: 'ctrl',
  windows: 'win',
  super: 'win',
  meta: 'win',
  cmd: 'win',
  altgr: 'ralt',
  return: 'enter',
  escape: 'esc',
  del: 'delete',
  ins: 'insert',
  pgup: 'pageup',
  pgdn: 'pagedown',
  print: 'printscreen',
  apps: 'menu',
};

/** What a US keyboard types only with Shift held, beside the capital letters. */
const SHIFTED = '~!@#$%^&*()_+{}|:"<>?';

export const KEY_NAMES: readonly string[] = Object.keys({ ...MODIFIERS, ...NAMED });

/** A press of several keys at once: keysyms in the order in which they go down. */
export type Chord = readonly number[];

/**
 * Reads a chord such as `ctrl+alt+delete`, `win+r`, `f5`, `shift+tab`, `a` or `ctrl++`. Upper and lower case are the same: `A` is the
 * key, `shift+a` the capital letter. Undefined: it is none.
 */
export function parseChord(text: string): Chord | undefined {
  // A plus may also be the last key.
  const parts = text
    .trim()
    .toLowerCase()
    .replace(/(^|\+)\s*\+$/, '$1plus')
    .split('+')
    .map((part) => part.trim());
  const names = parts.map((part) => ALIASES[part] ?? part);
  const modifiers = names.slice(0, -1).map(modifierOf);
  const last = names.at(-1) ?? '';
  if (modifiers.includes(undefined) || new Set(names).size !== names.length) return undefined;
  const held = modifiers.filter((modifier) => modifier !== undefined);
  const modifier = modifierOf(last);
  if (modifier !== undefined) return [...held, modifier];
  const key = lookUp(NAMED, last) ?? printable(last);
  if (key === undefined) return undefined;
  const shifted = held.includes(MODIFIERS.shift) || held.includes(MODIFIERS.rshift);
  // QEMU holds a small letter under Shift, or a capital without, for a sign of Caps Lock, and presses that.
  if (shifted) return [...held, capital(key)];
  return needsShift(key) ? [...held, MODIFIERS.shift, key] : [...held, key];
}

/** The chord that types a character on a US keyboard, a line break and a tab too; undefined when none does. */
export function chordOfCharacter(character: string): Chord | undefined {
  if (character === '\n') return [NAMED.enter];
  if (character === '\t') return [NAMED.tab];
  const key = printable(character);
  if (key === undefined) return undefined;
  return needsShift(key) ? [MODIFIERS.shift, key] : [key];
}

const modifierOf = (name: string): number | undefined => lookUp(MODIFIERS, name);

function lookUp(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Keysyms of ASCII are its codes. */
function printable(character: string): number | undefined {
  return /^[ -~]$/.test(character) ? character.charCodeAt(0) : undefined;
}

function needsShift(key: number): boolean {
  const character = String.fromCharCode(key);
  return /[A-Z]/.test(character) || SHIFTED.includes(character);
}

function capital(key: number): number {
  return key < 0x80 ? String.fromCharCode(key).toUpperCase().charCodeAt(0) : key;
}
