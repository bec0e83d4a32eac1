import { z } from 'zod';
import { Conflict } from '../../domain/errors.js';
import { pngSize } from '../../domain/screen.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { imageOf, livingVm, screenFields, screenOf } from './screen.js';

export const screenshot = defineAction({
  name: 'screenshot',
  description:
    'What the screen of a machine shows now, without any help of its guest: of a VM that lives, whoever has it, or of an installation. For a golden image that is installed or failed: what its installation showed last.',
  permission: 'screen:see',
  input: z.strictObject(screenFields),
  about: 'Whose screen.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  async run({ read, screens }: Pick<ActionContext, 'read' | 'screens'>, given) {
    const of = screenOf(given);
    if (of instanceof Error) return of;
    if ('vmId' in of) {
      const ref = await read((db) => livingVm(db, of));
      return ref instanceof Error ? ref : screens.screenshot(ref);
    }
    const image = await read((db) => imageOf(db, of.goldenImageId));
    if (image instanceof Error) return image;
    if (image.status === 'INSTALLING') return screens.screenshot({ kind: 'golden', id: image.id });
    const kept = await read((db) => db.installScreenshot.findUnique({ where: { goldenImageId: image.id } }));
    if (kept === null)
      return new Conflict(
        `the golden image ${image.id} is ${image.status}, and no picture of its installation was kept`,
        'Take screenshots while it is INSTALLING, or of a VM.',
      );
    return { takenAt: kept.takenAt, ...pngSize(kept.png), png: kept.png };
  },
});
