import { InvalidInput } from '../../domain/errors.js';
import { type Chord, chordOfCharacter, KEY_NAMES, parseChord } from '../../domain/keys.js';
import { LIMITS } from '../../domain/limits.js';

/** What to press, and what to type after it. */
export interface Typed {
  keys?: readonly string[] | undefined;
  text?: string | undefined;
}

/** All of it as chords, in order. */
export function chordsOf({ keys = [], text = '' }: Typed): Chord[] | InvalidInput {
  const characters = charactersOf(text);
  if (characters.length > LIMITS.typedCharacters.value)
    return new InvalidInput(
      'text',
      text.toWellFormed(),
      `Give at most ${LIMITS.typedCharacters.value} characters at once, not ${characters.length}.`,
    );
  const chords: Chord[] = [];
  for (const key of keys) {
    const chord = parseChord(key);
    if (chord === undefined) return new InvalidInput('keys', key.toWellFormed(), NO_CHORD);
    chords.push(chord);
  }
  for (const character of characters) {
    const chord = chordOfCharacter(character);
    if (chord === undefined) return new InvalidInput('text', character.toWellFormed(), NOT_TYPED);
    chords.push(chord);
  }
  return chords.length === 0 ? new InvalidInput('keys', '', 'Give keys, text, or both.') : chords;
}

const NO_CHORD = `Give a key such as a, enter or f5, or several as ctrl+alt+delete. Names: ${KEY_NAMES.join(', ')}.`;
const NOT_TYPED = 'No key of a US keyboard types it: leave it out, or bring the text into the VM as a file.';

/** A line break is one key, however it is written. */
const charactersOf = (text: string) => Array.from(text.replace(/\r\n?/g, '\n'));
