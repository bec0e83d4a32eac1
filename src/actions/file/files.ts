import { z } from 'zod';
import { LIMITS } from '../../domain/limits.js';
import type { ShareEntry, SharePath } from '../../domain/share.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { assignedTo, idOf, sharePath } from '../fields.js';
import { inShare } from './inShare.js';

/** What is in a folder, with where it is. */
export interface Entry extends ShareEntry {
  path: SharePath;
}

const MOST = LIMITS.pageItems.value;

export const files = defineAction({
  name: 'files',
  description: 'What is in a folder of a VM that was handed out.',
  permission: 'file:read',
  input: z.strictObject({
    vmId: idOf('Vm').describe('The VM.'),
    path: sharePath().default('out'),
    assignedTo: assignedTo().optional(),
    first: z
      .int()
      .min(0, `Give a number from 0 to ${MOST}.`)
      .optional()
      .describe(`How many at most: 50 when it is not given, at most ${MOST}.`),
    after: z.string().optional().describe('A name: what comes after it.'),
  }),
  about: 'Which folder.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'db' | 'share'>, { first = 50, after, ...given }) =>
    inShare(context, given, async ({ share, path }) => {
      const found = await share.list(path, { limit: Math.min(first, MOST), ...(after !== undefined && { after }) });
      if (found instanceof Error) return found;
      const entries: Entry[] = found.entries.map((entry) => ({ ...entry, path: [...path, entry.name] }));
      return { entries, next: found.next };
    }),
});
