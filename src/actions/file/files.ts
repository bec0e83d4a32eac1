import { z } from 'zod';
import type { ShareEntry, SharePath } from '../../domain/share.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { assignedTo, aVm, first, sharePath } from '../fields.js';
import { inShare } from './inShare.js';

/** What is in a folder, with where it is. */
export interface Entry extends ShareEntry {
  path: SharePath;
}

export const files = defineAction({
  name: 'files',
  description: 'What is in a folder of a VM that was handed out.',
  permission: 'file:read',
  input: z.strictObject({
    vmId: aVm(),
    path: sharePath().default('out'),
    assignedTo: assignedTo().optional(),
    first: first(),
    after: z.string().optional().describe('A name: what comes after it.'),
  }),
  about: 'Which folder.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'read' | 'share'>, { first: limit, after, ...given }) =>
    inShare(context, given, async ({ share, path }) => {
      const found = await share.list(path, { limit, ...(after !== undefined && { after }) });
      if (found instanceof Error) return found;
      const entries: Entry[] = found.entries.map((entry) => ({ ...entry, path: [...path, entry.name] }));
      return { entries, next: found.next };
    }),
});
