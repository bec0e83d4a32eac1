import { checked, oemBundleOf } from '../actions/input.js';
import { oemFile } from '../actions/oemFile.js';
import { contentOf, refusing, writeSmallFile } from '../actions/smallFile.js';
import { Conflict as ConflictRefusal, NotFound as NotFoundRefusal } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import type { OemBundle as Bundle, OemFile as File, OemBundles } from '../domain/oemBundles.js';
import { PRICES } from '../domain/prices.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { CONTENT_BASE64_DESCRIPTION, TEXT_DESCRIPTION } from './fileMutations.js';
import { answer, CapacityExhausted, Conflict, InvalidInput, NotFound, resultType, Unavailable } from './refusals.js';

const BUNDLE_DESCRIPTION = '1 to 64 small letters, digits, dots, dashes and underscores; a letter or digit first.';

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

const PutOemFilePayload = builder.objectRef<{ bundle: Bundle }>('PutOemFilePayload').implement({
  description: 'The file is in the bundle.',
  fields: (t) => ({ bundle: t.expose('bundle', { type: OemBundle, description: 'The bundle as it is now.' }) }),
});

const PutOemFileResult = builder.unionType('PutOemFileResult', {
  description: 'What putOemFile answers.',
  types: [PutOemFilePayload, InvalidInput, NotFound, Conflict, CapacityExhausted, Unavailable],
  resolveType: resultType('PutOemFilePayload'),
});

const PutOemFileInput = builder.inputType('PutOemFileInput', {
  description: 'A file, and where it goes.',
  fields: (t) => ({
    bundle: t.string({ required: true, description: BUNDLE_DESCRIPTION }),
    path: t.string({ required: true, description: 'With slashes: `10-office.cmd`, `office/setup.exe`.' }),
    contentBase64: t.string({ description: CONTENT_BASE64_DESCRIPTION }),
    text: t.string({ description: TEXT_DESCRIPTION }),
  }),
});

builder.mutationField('putOemFile', (t) =>
  t.field({
    type: PutOemFileResult,
    description: `Puts a file of up to ${LIMITS.smallFileBytes.value} bytes into a bundle, in place of an earlier one; the first file makes the bundle. Larger ones by REST, PUT /api/oem-bundles/{bundle}/files/{path}.`,
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: PutOemFileInput, required: true, description: 'A file, and where it goes.' }) },
    resolve: async (_root, { input }, context) =>
      answer(
        await withBundles(context, async (bundles) => {
          const place = await oemFile(bundles, input);
          if (place instanceof Error) return place;
          const restPath = `/api/oem-bundles/${input.bundle}/files/${place.path.map(encodeURIComponent).join('/')}`;
          const content = contentOf(input, restPath);
          if (content instanceof Error) return content;
          const put = await writeSmallFile(place.share, place.path, content, true);
          if (put instanceof Error) return put;
          return (await bundles.get(input.bundle)) ?? new NotFoundRefusal('OEM bundle', input.bundle);
        }),
        (bundle) => ({ bundle }),
      ),
  }),
);

const DeleteOemBundlePayload = builder.objectRef<{ name: string }>('DeleteOemBundlePayload').implement({
  description: 'It is gone.',
  fields: (t) => ({ name: t.exposeString('name', { description: 'What it was called.' }) }),
});

const DeleteOemBundleResult = builder.unionType('DeleteOemBundleResult', {
  description: 'What deleteOemBundle answers.',
  types: [DeleteOemBundlePayload, InvalidInput, NotFound, Conflict, Unavailable],
  resolveType: resultType('DeleteOemBundlePayload'),
});

const DeleteOemBundleInput = builder.inputType('DeleteOemBundleInput', {
  description: 'Which bundle.',
  fields: (t) => ({ name: t.string({ required: true, description: BUNDLE_DESCRIPTION }) }),
});

builder.mutationField('deleteOemBundle', (t) =>
  t.field({
    type: DeleteOemBundleResult,
    description: 'Deletes a bundle with all its files. Installations that have begun keep their own copy.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: DeleteOemBundleInput, required: true, description: 'Which bundle.' }) },
    resolve: async (_root, { input }, context) =>
      answer(
        await withBundles(context, async (bundles) => {
          const name = checked(() => oemBundleOf('name', input.name));
          if (typeof name !== 'string') return name;
          return (await bundles.remove(name)) ? { name } : new NotFoundRefusal('OEM bundle', name);
        }),
        (removed) => removed,
      ),
  }),
);

async function withBundles<T>({ oemBundles }: Pick<Context, 'oemBundles'>, work: (bundles: OemBundles) => Promise<T>) {
  if (oemBundles !== undefined) return refusing(() => work(oemBundles));
  return new ConflictRefusal(
    'the machines of this server are simulated: nothing is installed in them',
    'Start the server with VAPIORC_PROVISIONER=docker.',
  );
}
