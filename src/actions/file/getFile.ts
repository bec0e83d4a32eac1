import { z } from 'zod';
import { LIMITS } from '../../domain/limits.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { assignedTo, aVm, sharePath } from '../fields.js';
import { inShare } from './inShare.js';
import { readSmallFile, restPathOf } from './smallFile.js';

export const getFile = defineAction({
  name: 'getFile',
  description: `A file of a VM that was handed out, of up to ${LIMITS.smallFileBytes.value} bytes; larger ones by REST, GET /api/vms/instances/{id}/files/{path}. The agent has no part in it.`,
  permission: 'file:read',
  input: z.strictObject({
    vmId: aVm(),
    path: sharePath(),
    assignedTo: assignedTo().optional(),
  }),
  about: 'Which file.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'read' | 'share'>, given) =>
    inShare(context, given, ({ vm, share, path }) => readSmallFile(share, path, restPathOf(vm.id, path))),
});
