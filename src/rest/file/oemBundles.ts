import { setMaxListeners } from 'node:events';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { bundleName } from '../../actions/fields.js';
import { oemFile } from '../../actions/file/oemFile.js';
import { bundlesOf } from '../../actions/file/withBundles.js';
import { readInput } from '../../actions/readInput.js';
import { unwrap } from '../../answers/refusals.js';
import { Done, done, ok, refusals } from '../../answers/responses.js';
import { NotFound } from '../../domain/errors.js';
import { MAX_OEM_FILE_BYTES, type OemBundle } from '../../domain/oemBundles.js';
import type { Logger } from '../../log.js';
import { actionContext } from '../actionContext.js';
import { Time } from '../parameters.js';
import { asked } from '../verbs.js';
import { digestField } from './digest.js';
import { fileBody, filePathParameter, fileSha256 } from './fileDocs.js';
import { targetOf } from './nodeOf.js';
import { filePathOf } from './rawPath.js';
import { receiveFile } from './receiveFile.js';
import { sendFile } from './sendFile.js';

const tags = ['OEM bundles'];
const FILES = '/api/oem-bundles/:bundle/files/*';
const PREFIX = /^\/api\/oem-bundles\/[^/]+\/files(?:\/|$)/;

const BUNDLE = readInput('/api/oem-bundles/{bundle}', { bundle: bundleName() });
const bundle = z.string().openapi({ param: { name: 'bundle', in: 'path' }, example: 'office' });
const fileParams = z.object({
  bundle,
  path: filePathParameter('path', 'Names joined by "/", each percent-encoded as UTF-8 by itself.'),
});

const BundleView = z
  .object({
    bundle: z.string(),
    size: z.int().openapi({ description: 'Bytes of all its files.' }),
    files: z.array(z.object({ path: z.string(), size: z.int(), modified_at: Time })),
  })
  .openapi('OemBundle');
const OemFileKept = z.object({ path: z.string(), size: z.int(), sha256: z.string() }).openapi('OemFileKept');

const list = createRoute({
  method: 'get',
  path: '/api/oem-bundles',
  tags,
  summary: 'Every set of files that golden images can be installed with',
  responses: { 200: ok('Sorted by name.', z.array(BundleView)), ...refusals(409) },
});
const show = createRoute({
  method: 'get',
  path: '/api/oem-bundles/{bundle}',
  tags,
  summary: 'One bundle with its files',
  request: { params: z.object({ bundle }) },
  responses: { 200: ok('The bundle.', BundleView), ...refusals(404, 409, 422) },
});
const destroy = createRoute({
  method: 'delete',
  path: '/api/oem-bundles/{bundle}',
  tags,
  summary: 'Delete a bundle with all its files',
  description: 'Installations that have begun keep their own copy.',
  request: { params: z.object({ bundle }) },
  responses: { 200: ok('It is gone.', Done), ...refusals(404, 409, 422) },
});

/** Named sets of the user's own files for installations. Comes before the limit on bodies. */
export function addOemRoutes(app: OpenAPIHono, log: Logger): void {
  describe(app);
  const never = new AbortController().signal;
  setMaxListeners(0, never); // each transfer listens

  app.openapi(list, async (c) => c.json((await allOf(c).list()).map(view), 200));

  app.openapi(show, async (c) => {
    const name = bundleOf(c);
    const found = await allOf(c).get(name);
    if (found === undefined) throw new NotFound('OEM bundle', name);
    return c.json(view(found), 200);
  });

  app.openapi(destroy, async (c) => {
    const name = bundleOf(c);
    if (!(await allOf(c).remove(name))) throw new NotFound('OEM bundle', name);
    return c.json(done('OEM bundle deleted'), 200);
  });

  app.put(FILES, async (c) => {
    const { share, path } = unwrap(await oemFile(allOf(c), { bundle: bundleOf(c), path: pathOf(c) }));
    const kept = await receiveFile(c, share, { path, released: never, maxBytes: MAX_OEM_FILE_BYTES, log });
    if (kept instanceof Response) return kept;
    c.header('Repr-Digest', digestField(kept.sha256));
    return c.json({ path: path.join('/'), size: kept.size, sha256: kept.sha256 }, kept.replaced ? 200 : 201);
  });

  app.get(FILES, async (c) => {
    const { share, path } = unwrap(await oemFile(allOf(c), { bundle: bundleOf(c), path: pathOf(c) }));
    const file = unwrap(await share.open(path));
    return sendFile(c, file, { name: path.at(-1) ?? '', released: never, log });
  });

  app.delete(FILES, async (c) => {
    const { share, path } = unwrap(await oemFile(allOf(c), { bundle: bundleOf(c), path: pathOf(c) }));
    if (!unwrap(await share.remove(path, false))) throw new NotFound('file', path.join('/'));
    return c.json(done('Removed'), 200);
  });
}

const allOf = (c: Context) => unwrap(bundlesOf(actionContext(c)));
const bundleOf = (c: Context) => asked(c, BUNDLE).bundle;
const pathOf = (c: Context) => unwrap(filePathOf(targetOf(c), PREFIX));

function view({ name, files }: OemBundle) {
  return {
    bundle: name,
    size: files.reduce((sum, { size }) => sum + size, 0),
    files: files.map(({ path, size, modifiedAt }) => ({
      path: path.join('/'),
      size,
      modified_at: modifiedAt.toISOString(),
    })),
  };
}

function describe({ openAPIRegistry: registry }: OpenAPIHono): void {
  const path = '/api/oem-bundles/{bundle}/files/{path}';
  const request = { params: fileParams };
  const content = fileBody.content;
  registry.registerPath({
    method: 'put',
    path,
    tags,
    summary: 'Put a file into a bundle; the first one makes the bundle',
    description:
      'At most 4 GiB - 1 byte. `*.bat`, `*.cmd`, `*.reg` and `*.msi` at the top of the bundle are run during the installation, sorted by name.',
    request: { ...request, query: z.object({ sha256: fileSha256 }), body: fileBody },
    responses: {
      200: ok('It is there, in the place of an earlier file.', OemFileKept),
      201: ok('It is there.', OemFileKept),
      ...refusals(409, 422, 503),
    },
  });
  registry.registerPath({
    method: 'get',
    path,
    tags,
    summary: 'Read a file of a bundle',
    request,
    responses: {
      200: { description: 'The file; with `Range` a part of it (206).', content },
      ...refusals(404, 409, 422),
    },
  });
  registry.registerPath({
    method: 'delete',
    path,
    tags,
    summary: 'Remove a file of a bundle; with its last one the bundle is gone',
    request,
    responses: { 200: ok('It is gone.', Done), ...refusals(404, 409, 422) },
  });
}
