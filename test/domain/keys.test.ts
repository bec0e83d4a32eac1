import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chordOfCharacter, KEY_NAMES, parseChord } from '../../src/domain/keys.js';

const SHIFT = 0xffe1;
const CTRL = 0xffe3;
const ALT = 0xffe9;
const WIN = 0xffeb;
const code = (character: string) => character.charCodeAt(0);
const printable = fc.integer({ min: 0x20, max: 0x7e }).map((at) => String.fromCharCode(at));
const MODIFIERS = ['shift', 'ctrl', 'alt', 'win', 'rshift', 'rctrl', 'ralt', 'rwin'];

describe('a chord', () => {
  test.each([
    ['ctrl+alt+delete', [CTRL, ALT, 0xffff]],
    ['Ctrl + Alt + Del', [CTRL, ALT, 0xffff]],
    ['win+r', [WIN, code('r')]],
    ['WIN+R', [WIN, code('r')]],
    ['win', [WIN]],
    ['alt+shift', [ALT, SHIFT]],
    ['enter', [0xff0d]],
    ['Return', [0xff0d]],
    ['f5', [0xffc2]],
    ['F12', [0xffc9]],
    ['shift+tab', [SHIFT, 0xff09]],
    ['a', [code('a')]],
    ['A', [code('a')]],
    ['shift+a', [SHIFT, code('A')]],
    ['ctrl+shift+t', [CTRL, SHIFT, code('T')]],
    ['7', [code('7')]],
    ['!', [SHIFT, code('!')]],
    ['ctrl+!', [CTRL, SHIFT, code('!')]],
    ['+', [SHIFT, code('+')]],
    ['plus', [SHIFT, code('+')]],
    ['ctrl++', [CTRL, SHIFT, code('+')]],
    ['ctrl+shift++', [CTRL, SHIFT, code('+')]],
    ['ctrl+-', [CTRL, code('-')]],
    ['alt+space', [ALT, 0x20]],
    ['space', [0x20]],
  ])('%s', (text, keysyms) => {
    expect(parseChord(text)).toEqual(keysyms);
  });

  test.each([
    '',
    ' ',
    '++',
    'ctrl+',
    '+a',
    'a+b',
    'enter+ctrl',
    'ctrl+ctrl',
    'ctrl+control',
    'f13',
    'f0',
    'ä',
    'ctrl+é',
    'constructor',
    '__proto__',
    'ctrl+toString',
    'ctrl+alt+a+b',
    'ctrl alt delete',
    'x'.repeat(100_000),
    '+'.repeat(100_000),
  ])('%.40s is none', (text) => {
    expect(parseChord(text)).toBeUndefined();
  });

  test('is there for every name alone, and for none of the others a second time', () => {
    const keysyms = KEY_NAMES.map((name) => parseChord(name)?.at(-1));

    expect(keysyms).not.toContain(undefined);
    expect(new Set(keysyms).size).toBe(KEY_NAMES.length);
  });

  test('holds each modifier that is named, in order, before the key', () => {
    const keys = KEY_NAMES.filter((name) => !MODIFIERS.includes(name) && name !== 'plus');
    fc.assert(
      fc.property(fc.shuffledSubarray(MODIFIERS), fc.constantFrom(...keys), (modifiers, key) => {
        const held = modifiers.map((name) => parseChord(name)?.[0]);
        expect(parseChord([...modifiers, key].join('+'))).toEqual([...held, parseChord(key)?.[0]]);
      }),
    );
  });

  test('is never read from what it is not, whatever is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const chord = parseChord(text);
        if (chord) expect(new Set(chord).size).toBe(chord.length);
      }),
    );
  });
});

describe('a character', () => {
  test('that a US keyboard has is typed by its keysym, with Shift where that is needed', () => {
    const shifted = '~!@#$%^&*()_+{}|:"<>?ABCDEFGHIJKLMNOPQRSTUVWXYZ';
    for (let at = 0x20; at < 0x7f; at++) {
      const character = String.fromCharCode(at);
      expect(chordOfCharacter(character)).toEqual(shifted.includes(character) ? [SHIFT, at] : [at]);
    }
  });

  test('of a line break or a tab is that key', () => {
    expect(chordOfCharacter('\n')).toEqual([0xff0d]);
    expect(chordOfCharacter('\t')).toEqual([0xff09]);
  });

  test('that no key has is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (character) => {
        const known = /^[ -~\n\t]$/.test(character);
        expect(chordOfCharacter(character) !== undefined).toBe(known);
      }),
    );
    expect(chordOfCharacter('ab')).toBeUndefined();
    expect(chordOfCharacter('')).toBeUndefined();
  });

  test('never holds a capital without Shift, nor a small letter with it: QEMU would press Caps Lock', () => {
    fc.assert(
      fc.property(printable, fc.shuffledSubarray(['shift', 'ctrl', 'alt']), (character, modifiers) => {
        for (const chord of [chordOfCharacter(character), parseChord([...modifiers, character].join('+'))]) {
          const key = chord?.at(-1) ?? 0;
          const letter = String.fromCharCode(key);
          if (/[a-z]/i.test(letter) && key < 0x80) expect(chord?.includes(SHIFT)).toBe(/[A-Z]/.test(letter));
        }
      }),
    );
  });
});
