import { z } from 'zod';
import { NotFound } from '../../domain/errors.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { assignedTo, aVm } from '../fields.js';
import { inShare } from './inShare.js';
import { removable } from './vmFile.js';

export const deleteFile = defineAction({
  name: 'deleteFile',
  description: 'Removes a file or a folder of a VM that was handed out.',
  permission: 'file:write',
  input: z.strictObject({
    vmId: aVm(),
    path: z.string().describe('With slashes: `in/…` or `out/…`.'),
    recursive: z.boolean().default(false).describe('True: a folder goes with all that is in it.'),
    assignedTo: assignedTo().optional(),
  }),
  about: 'Which file or folder.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'read' | 'share'>, { recursive, ...given }) =>
    inShare(context, given, async (place) => {
      const refusal = removable(place);
      if (refusal) return refusal;
      const removed = await place.share.remove(place.path, recursive);
      if (removed instanceof Error) return removed;
      return removed ? { path: place.path } : new NotFound('file', place.path.join('/'));
    }),
});
