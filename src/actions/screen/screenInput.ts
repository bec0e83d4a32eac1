import type { InvalidInput } from '../../domain/errors.js';
import { type Chord, chordOfCharacter, KEY_NAMES, parseChord } from '../../domain/keys.js';
import { LIMITS } from '../../domain/limits.js';
import { checked, reject } from '../input.js';

/** What to press, and what to type after it. */
export interface Typed {
  keys?: readonly string[] | null | undefined;
  text?: string | null | undefined;
}

/** All of it as chords, in order. */
export function chordsOf({ keys, text }: Typed): Chord[] | InvalidInput {
  return checked(() => {
    const given = keys ?? [];
    if (given.length > LIMITS.keyChords.value)
      reject('keys', given.length, `Give at most ${LIMITS.keyChords.value} at once.`);
    const chords = [...given.map(chordOf), ...characters(text ?? '').map(typedChord)];
    if (chords.length === 0) reject('keys', '', 'Give keys, text, or both.');
    return chords;
  });
}

function chordOf(text: string): Chord {
  const fix = `Give a key such as a, enter or f5, or several as ctrl+alt+delete. Names: ${KEY_NAMES.join(', ')}.`;
  return parseChord(text) ?? reject('keys', text.toWellFormed(), fix);
}

/** A line break is one key, however it is written. */
function characters(text: string): string[] {
  const each = Array.from(text.replace(/\r\n?/g, '\n'));
  if (each.length > LIMITS.typedCharacters.value)
    reject(
      'text',
      text.toWellFormed(),
      `Give at most ${LIMITS.typedCharacters.value} characters at once, not ${each.length}.`,
    );
  return each;
}

function typedChord(character: string): Chord {
  const fix = 'No key of a US keyboard types it: leave it out, or bring the text into the VM as a file.';
  return chordOfCharacter(character) ?? reject('text', character.toWellFormed(), fix);
}
