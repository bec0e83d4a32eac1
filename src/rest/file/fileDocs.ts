import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { readInput } from '../../actions/readInput.js';
import { Done, ok, Problem, refusals } from '../../answers/responses.js';
import { InstanceId, Time, text } from '../parameters.js';
import { parametersOf } from '../verbs.js';
import { Holder } from '../vm/heldVm.js';
import { LISTED } from './listFiles.js';

const tags = ['files'];
const PATH = '/api/vms/instances/{instance_id}/files/{path}';

export const filePathParameter = (name: string, description: string) =>
  z.string().openapi({ param: { name, in: 'path', description } });

const params = InstanceId.extend({
  path: filePathParameter(
    'path',
    'Names joined by "/", each percent-encoded as UTF-8 by itself: "in/tools/set%20up.exe". It begins with `in/` (Z:\\in in the guest, what callers hand in) or `out/` (Z:\\out, what the guest hands out).',
  ),
});
export const REMOVED = readInput('DELETE /api/vms/instances/{instance_id}/files/{path}', {
  recursive: z
    .enum(['true', 'false'], 'Give true or false.')
    .default('false')
    .describe('Whether a folder goes with all that is in it.'),
});

const binary = (description: string) => ({
  description,
  content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
});
const problem = (description: string) => ({ description, content: { 'application/json': { schema: Problem } } });

export const fileSha256 = text('SHA-256 of the file, hexadecimal.').optional();

export const fileBody = {
  required: true,
  content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
};

const FileKept = z
  .object({
    path: z.string(),
    size: z.int(),
    sha256: z.string().openapi({ description: 'Hexadecimal.' }),
    guest_path: z.string().openapi({ description: 'How the guest calls it: Z:\\in\\…' }),
  })
  .openapi('FileKept');

const FileList = z
  .object({
    entries: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(['file', 'folder']),
        size: z.int().openapi({ description: 'Bytes; 0 for a folder.' }),
        modified_at: Time,
        path: z.string().openapi({ description: 'To be used in this route, percent-encoded.' }),
      }),
    ),
    next: z
      .string()
      .nullable()
      .openapi({ description: 'Give it as `after` for the next page; null: this is the last.' }),
  })
  .openapi('FileList');

/** The routes themselves take the rest of the URL as the path, which OpenAPI has no words for. */
export function describeFileRoutes({ openAPIRegistry: registry }: OpenAPIHono): void {
  registry.registerPath({
    method: 'put',
    path: PATH,
    tags,
    summary: 'Hand a file to a VM',
    description:
      'Of any size, with Content-Length or chunked. It appears in Z:\\in whole or not at all; folders on the way are made. With `Content-Digest` or `Repr-Digest` (`sha-256=:…:`, RFC 9530), or `sha256`, other content is a conflict; with `If-None-Match: *` a file that is there stays (412). No agent is needed in the VM.',
    request: {
      params,
      query: Holder.extend({ sha256: fileSha256 }),
      body: fileBody,
    },
    responses: {
      200: ok('It is there, in the place of an earlier file.', FileKept),
      201: ok('It is there.', FileKept),
      400: problem('The body ended before all of it had come. Nothing of it was kept.'),
      412: problem('There is a file of this name, and `If-None-Match: *` was given.'),
      ...refusals(404, 409, 422, 503),
    },
  });
  registry.registerPath({
    method: 'get',
    path: PATH,
    tags,
    summary: 'Read a file of a VM, or list a folder',
    description:
      'A folder (also with "/" at the end) is listed as JSON, sorted by name. A file is streamed; `Range` with `If-Range` resumes a download that was cut off, `If-None-Match` saves it, `Want-Repr-Digest: sha-256=1` adds the SHA-256 of the whole file as `Repr-Digest`. HEAD answers the same without the content.',
    request: {
      params,
      query: Holder.extend(parametersOf(LISTED).shape),
    },
    responses: {
      200: {
        description: 'The file, or what is in the folder.',
        content: { ...binary('').content, 'application/json': { schema: FileList } },
      },
      206: binary('The part that was asked for.'),
      304: { description: 'It is the one that you have.' },
      416: problem('The file ends before the part that was asked for.'),
      ...refusals(404, 409, 422),
    },
  });
  registry.registerPath({
    method: 'delete',
    path: PATH,
    tags,
    summary: 'Remove a file or a folder of a VM',
    request: {
      params,
      query: Holder.extend(parametersOf(REMOVED).shape),
    },
    responses: { 200: ok('It is gone.', Done), ...refusals(404, 409, 422) },
  });
}
