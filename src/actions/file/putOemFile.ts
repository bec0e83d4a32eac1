import { z } from 'zod';
import { NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { LONGEST_PATH } from '../../domain/windowsPath.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { BUNDLE_DESCRIPTION, bundleName } from '../fields.js';
import { oemFile } from './oemFile.js';
import { contentFields, contentOf, writeSmallFile } from './smallFile.js';
import { withBundles } from './withBundles.js';

export const putOemFile = defineAction({
  name: 'putOemFile',
  description: `Puts a file of up to ${LIMITS.smallFileBytes.value} bytes into a bundle, in place of an earlier one; the first file makes the bundle. Larger ones by REST, PUT /api/oem-bundles/{bundle}/files/{path}.`,
  permission: 'image:manage',
  input: z.strictObject({
    bundle: bundleName().describe(BUNDLE_DESCRIPTION),
    path: z.string().describe('With slashes: `10-office.cmd`, `office/setup.exe`.').meta({ maxLength: LONGEST_PATH }),
    ...contentFields,
  }),
  about: 'A file, and where it goes.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'CAPACITY_EXHAUSTED', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'oemBundles'>, given) =>
    withBundles(context, async (bundles) => {
      const place = await oemFile(bundles, given);
      if (place instanceof Error) return place;
      const { share, path } = place;
      const restPath = `/api/oem-bundles/${given.bundle}/files/${path.map(encodeURIComponent).join('/')}`;
      const content = contentOf(given, restPath);
      if (content instanceof Error) return content;
      const put = await writeSmallFile(share, path, content, true);
      if (put instanceof Error) return put;
      return (await bundles.get(given.bundle)) ?? new NotFound('OEM bundle', given.bundle);
    }),
});
