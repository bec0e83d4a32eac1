import { z } from 'zod';
import { LIMITS } from '../../domain/limits.js';
import { LONGEST_PATH } from '../../domain/windowsPath.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { assignedTo, aVm } from '../fields.js';
import { inShare } from './inShare.js';
import { contentFields, contentOf, restPathOf, writeSmallFile } from './smallFile.js';
import { newVmFile } from './vmFile.js';

export const putFile = defineAction({
  name: 'putFile',
  description: `Hands a file of up to ${LIMITS.smallFileBytes.value} bytes to a VM that was handed out; larger ones by REST, PUT /api/vms/instances/{id}/files/{path}. It appears whole or not at all. The agent has no part in it.`,
  permission: 'file:write',
  input: z.strictObject({
    vmId: aVm(),
    path: z
      .string()
      .describe(
        'With slashes: `in/tools/setup.exe` is `Z:\\in\\tools\\setup.exe` in the guest. Folders on the way are made.',
      )
      .meta({ maxLength: LONGEST_PATH }),
    ...contentFields,
    overwrite: z.boolean().default(true).describe('False: a file that is there already stays, and that is a Conflict.'),
    assignedTo: assignedTo().optional(),
  }),
  about: 'A file, and where it goes.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'CAPACITY_EXHAUSTED', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'read' | 'share'>, { overwrite, ...given }) =>
    inShare(
      context,
      given,
      async ({ vm, share, path }) => {
        const content = contentOf(given, restPathOf(vm.id, path));
        if (content instanceof Error) return content;
        const put = await writeSmallFile(share, path, content, overwrite);
        return put instanceof Error ? put : { ...put, path };
      },
      newVmFile,
    ),
});
