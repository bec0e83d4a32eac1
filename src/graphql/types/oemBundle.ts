import { BUNDLE_DESCRIPTION } from '../../actions/fields.js';
import { deleteOemBundle } from '../../actions/file/deleteOemBundle.js';
import { putOemFile } from '../../actions/file/putOemFile.js';
import type { OemBundle as Bundle, OemFile as File } from '../../domain/oemBundles.js';
import { PRICES } from '../../domain/prices.js';
import { builder } from '../builder.js';
import { mutation } from '../verbs.js';

const OemFile = builder.objectRef<File>('OemFile').implement({
  description: 'One file of a bundle.',
  fields: (t) => ({
    path: t.string({ description: 'With slashes.', resolve: ({ path }) => path.join('/') }),
    size: t.field({ type: 'ByteCount', description: 'Bytes.', resolve: ({ size }) => BigInt(size) }),
    modifiedAt: t.expose('modifiedAt', { type: 'DateTime', description: 'When it was put there.' }),
  }),
});

const OemBundle = builder.objectRef<Bundle>('OemBundle').implement({
  description: "A named set of the user's own files for installations: see `oemBundle` of createGoldenImage.",
  fields: (t) => ({
    name: t.exposeString('name', { description: BUNDLE_DESCRIPTION }),
    size: t.field({
      type: 'ByteCount',
      description: 'Bytes of all its files.',
      resolve: ({ files }) => files.reduce((sum, { size }) => sum + BigInt(size), 0n),
    }),
    files: t.expose('files', { type: [OemFile], description: 'Sorted by path.' }),
  }),
});

builder.queryField('oemBundles', (t) =>
  t.field({
    type: [OemBundle],
    description: 'Every bundle, sorted by name. None where machines are simulated.',
    complexity: { field: PRICES.read.points, multiplier: 10 },
    resolve: async (_root, _args, { oemBundles }) => (await oemBundles?.list()) ?? [],
  }),
);

mutation(putOemFile, {
  payload: 'The file is in the bundle.',
  fields: (t) => ({
    bundle: t.field({ type: OemBundle, description: 'The bundle as it is now.', resolve: (bundle) => bundle }),
  }),
});

mutation(deleteOemBundle, {
  payload: 'It is gone.',
  fields: (t) => ({ name: t.exposeString('name', { description: 'What it was called.' }) }),
});
