import { z } from 'zod';
import { LIMITS } from '../../domain/limits.js';
import { MOUSE_BUTTONS } from '../../domain/screen.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { wholeNumber } from '../fields.js';
import { operable, screenFields, screenOf } from './screen.js';

/** A coordinate of the protocol has 16 bits. */
const pixel = () => wholeNumber(0, 65_535);

export const click = defineAction({
  name: 'click',
  description: 'Clicks on a VM that was handed out, or on an installation, without any help of its guest.',
  permission: 'screen:use',
  input: z.strictObject({
    ...screenFields,
    x: pixel().describe('Pixels from the left of the screenshot, from 0.'),
    y: pixel().describe('Pixels from its top, from 0.'),
    button: z.enum(MOUSE_BUTTONS).default('LEFT').describe('Which button.'),
    count: wholeNumber(1, LIMITS.clicks.value)
      .default(1)
      .describe(`2 for a double click; ${LIMITS.clicks.value} at most.`),
  }),
  about: 'Where to click, on which machine.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  async run({ read, screens }: Pick<ActionContext, 'read' | 'screens'>, { x, y, button, count, ...given }) {
    const of = screenOf(given);
    if (of instanceof Error) return of;
    const ref = await read((db) => operable(db, of));
    if (ref instanceof Error) return ref;
    return (await screens.click(ref, { x, y, button, count })) ?? ref;
  },
});
