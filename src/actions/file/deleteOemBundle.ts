import { z } from 'zod';
import { NotFound } from '../../domain/errors.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { BUNDLE_DESCRIPTION, bundleName } from '../fields.js';
import { withBundles } from './withBundles.js';

export const deleteOemBundle = defineAction({
  name: 'deleteOemBundle',
  description: 'Deletes a bundle with all its files. Installations that have begun keep their own copy.',
  permission: 'image:manage',
  input: z.strictObject({ name: bundleName().describe(BUNDLE_DESCRIPTION) }),
  about: 'Which bundle.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  run: (context: Pick<ActionContext, 'oemBundles'>, { name }) =>
    withBundles(context, async (bundles) =>
      (await bundles.remove(name)) ? { name } : new NotFound('OEM bundle', name),
    ),
});
