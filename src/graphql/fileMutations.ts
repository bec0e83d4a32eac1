import { contentOf, restPathOf, writeSmallFile } from '../actions/smallFile.js';
import { newVmFile, removable } from '../actions/vmFile.js';
import { NotFound as NotFoundRefusal } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { PRICES } from '../domain/prices.js';
import type { SharePath } from '../domain/share.js';
import { guestPath } from '../domain/windowsPath.js';
import { builder } from './builder.js';
import { FILE_HOLDER_DESCRIPTION, FILE_VM_DESCRIPTION, inShare } from './file.js';
import { answer, CapacityExhausted, Conflict, InvalidInput, NotFound, resultType, Unavailable } from './refusals.js';

export const CONTENT_BASE64_DESCRIPTION = 'Its bytes. Give this or `text`.';
export const TEXT_DESCRIPTION = 'Its text, kept as UTF-8 with line ends as they are. Give this or `contentBase64`.';

interface Put {
  path: SharePath;
  size: number;
  sha256: string;
  replaced: boolean;
}

const PutFilePayload = builder.objectRef<Put>('PutFilePayload').implement({
  description: 'The file is in the VM.',
  fields: (t) => ({
    path: t.string({ description: 'As getFile takes it.', resolve: ({ path }) => path.join('/') }),
    guestPath: t.string({ description: 'How the guest calls it.', resolve: ({ path }) => guestPath(path) }),
    size: t.exposeInt('size', { description: 'Bytes.' }),
    sha256: t.exposeString('sha256', { description: 'SHA-256, hexadecimal.' }),
    replaced: t.exposeBoolean('replaced', { description: 'Whether there was a file of this name before.' }),
  }),
});

const PutFileResult = builder.unionType('PutFileResult', {
  description: 'What putFile answers.',
  types: [PutFilePayload, InvalidInput, NotFound, Conflict, CapacityExhausted, Unavailable],
  resolveType: resultType('PutFilePayload'),
});

const PutFileInput = builder.inputType('PutFileInput', {
  description: 'A file, and where it goes.',
  fields: (t) => ({
    vmId: t.id({ required: true, description: FILE_VM_DESCRIPTION }),
    path: t.string({
      required: true,
      description:
        'With slashes: `in/tools/setup.exe` is `Z:\\in\\tools\\setup.exe` in the guest. Folders on the way are made.',
    }),
    contentBase64: t.string({ description: CONTENT_BASE64_DESCRIPTION }),
    text: t.string({ description: TEXT_DESCRIPTION }),
    overwrite: t.boolean({
      required: true,
      defaultValue: true,
      description: 'False: a file that is there already stays, and that is a Conflict.',
    }),
    assignedTo: t.string({ description: FILE_HOLDER_DESCRIPTION }),
  }),
});

builder.mutationField('putFile', (t) =>
  t.field({
    type: PutFileResult,
    description: `Hands a file of up to ${LIMITS.smallFileBytes.value} bytes to a VM that was handed out; larger ones by REST, PUT /api/vms/instances/{id}/files/{path}. It appears whole or not at all. The agent has no part in it.`,
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: PutFileInput, required: true, description: 'A file, and where it goes.' }) },
    resolve: async (_root, { input }, context) =>
      answer(
        await inShare(
          context,
          input,
          async ({ vm, share, path }) => {
            const content = contentOf(input, restPathOf(vm.id, path));
            if (content instanceof Error) return content;
            const put = await writeSmallFile(share, path, content, input.overwrite);
            return put instanceof Error ? put : { ...put, path };
          },
          newVmFile,
        ),
        (put) => put,
      ),
  }),
);

const DeleteFilePayload = builder.objectRef<{ path: SharePath }>('DeleteFilePayload').implement({
  description: 'It is gone.',
  fields: (t) => ({ path: t.string({ description: 'Where it was.', resolve: ({ path }) => path.join('/') }) }),
});

const DeleteFileResult = builder.unionType('DeleteFileResult', {
  description: 'What deleteFile answers.',
  types: [DeleteFilePayload, InvalidInput, NotFound, Conflict, Unavailable],
  resolveType: resultType('DeleteFilePayload'),
});

const DeleteFileInput = builder.inputType('DeleteFileInput', {
  description: 'Which file or folder.',
  fields: (t) => ({
    vmId: t.id({ required: true, description: FILE_VM_DESCRIPTION }),
    path: t.string({ required: true, description: 'With slashes: `in/…` or `out/…`.' }),
    recursive: t.boolean({
      required: true,
      defaultValue: false,
      description: 'True: a folder goes with all that is in it.',
    }),
    assignedTo: t.string({ description: FILE_HOLDER_DESCRIPTION }),
  }),
});

builder.mutationField('deleteFile', (t) =>
  t.field({
    type: DeleteFileResult,
    description: 'Removes a file or a folder of a VM that was handed out.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: DeleteFileInput, required: true, description: 'Which file or folder.' }) },
    resolve: async (_root, { input }, context) =>
      answer(
        await inShare(context, input, async (place) => {
          const refusal = removable(place);
          if (refusal) return refusal;
          const removed = await place.share.remove(place.path, input.recursive);
          if (removed instanceof Error) return removed;
          return removed ? { path: place.path } : new NotFoundRefusal('file', place.path.join('/'));
        }),
        (removed) => removed,
      ),
  }),
);
