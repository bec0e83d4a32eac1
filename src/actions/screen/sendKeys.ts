import { z } from 'zod';
import { shown } from '../../domain/limit.js';
import { LIMITS } from '../../domain/limits.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { operable, screenFields, screenOf } from './screen.js';
import { chordsOf } from './screenInput.js';

export const sendKeys = defineAction({
  name: 'sendKeys',
  description:
    'Presses keys and types text on a VM that was handed out, or on an installation, without any help of its guest. Answers when the virtual keyboard has taken them, some 20 ms for each key.',
  permission: 'screen:use',
  input: z.strictObject({
    ...screenFields,
    keys: z
      .array(z.string())
      .max(LIMITS.keyChords.value, `Give at most ${LIMITS.keyChords.value} at once.`)
      .optional()
      .describe(
        `Pressed one after the other, ${shown(LIMITS.keyChords)} at most: \`a\`, \`enter\`, \`f5\`, or several at once as \`ctrl+alt+delete\`, \`win+r\`, \`shift+tab\`.`,
      ),
    text: z
      .string()
      .meta({ maxLength: LIMITS.typedCharacters.value })
      .optional()
      .describe(
        `Typed after the keys, ${shown(LIMITS.typedCharacters)} characters at most, as on a US keyboard; a line break is Enter. A guest with another keyboard layout reads other characters.`,
      ),
  }),
  about: 'Which keys to press, on which machine.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  async run({ read, screens }: Pick<ActionContext, 'read' | 'screens'>, given) {
    const of = screenOf(given);
    if (of instanceof Error) return of;
    const chords = chordsOf(given);
    if (chords instanceof Error) return chords;
    const ref = await read((db) => operable(db, of));
    if (ref instanceof Error) return ref;
    return (await screens.press(ref, chords)) ?? ref;
  },
});
