import { deleteFile } from '../../actions/file/deleteFile.js';
import { type Entry, files } from '../../actions/file/files.js';
import { getFile } from '../../actions/file/getFile.js';
import { putFile } from '../../actions/file/putFile.js';
import type { SmallFile } from '../../actions/file/smallFile.js';
import { PRICES } from '../../domain/prices.js';
import { guestPath } from '../../domain/windowsPath.js';
import { builder } from '../builder.js';
import { pageComplexity } from '../page.js';
import { mutation, query } from '../verbs.js';

const FileContent = builder.objectRef<SmallFile>('FileContent').implement({
  description: 'A small file of a VM, whole.',
  fields: (t) => ({
    path: t.string({ description: 'With slashes: `out/report.txt`.', resolve: ({ path }) => path.join('/') }),
    guestPath: t.string({ description: 'How the guest calls it.', resolve: ({ path }) => guestPath(path) }),
    size: t.int({ description: 'Bytes.', resolve: ({ content }) => content.byteLength }),
    sha256: t.exposeString('sha256', { description: 'SHA-256, hexadecimal.' }),
    modifiedAt: t.expose('modifiedAt', { type: 'DateTime', description: 'When it was last written to.' }),
    contentBase64: t.string({
      complexity: PRICES.content.points,
      description: 'Its bytes.',
      resolve: ({ content }) => content.toString('base64'),
    }),
    text: t.string({
      nullable: true,
      complexity: PRICES.content.points,
      description: 'Its text; null when it is not UTF-8.',
      resolve: ({ content }) => textOf(content),
    }),
  }),
});

const FileKind = builder.enumType('FileKind', {
  description: 'What an entry of a folder is. Anything else, links for one, is not shown.',
  values: { FILE: { description: 'A file.' }, FOLDER: { description: 'A folder.' } },
});

const FileEntry = builder.objectRef<Entry>('FileEntry').implement({
  description: 'A file or folder of a VM.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name in its folder.' }),
    path: t.string({ description: 'As `path` of getFile takes it.', resolve: ({ path }) => path.join('/') }),
    kind: t.field({
      type: FileKind,
      description: 'What it is.',
      resolve: ({ kind }) => (kind === 'file' ? 'FILE' : 'FOLDER'),
    }),
    size: t.field({ type: 'ByteCount', description: '0 for a folder.', resolve: ({ size }) => BigInt(size) }),
    modifiedAt: t.expose('modifiedAt', { type: 'DateTime', description: 'When it was last changed.' }),
  }),
});

const FilePage = builder.objectRef<{ entries: Entry[]; next: string | null }>('FilePage').implement({
  description: 'A page of what is in a folder.',
  fields: (t) => ({
    entries: t.expose('entries', {
      type: [FileEntry],
      description: 'Sorted by name.',
      complexity: { field: 1, multiplier: 1 },
    }),
    next: t.exposeString('next', {
      nullable: true,
      description: 'Give it as `after` for the next page; null: this is the last.',
    }),
  }),
});

query(getFile, { type: FileContent, complexity: PRICES.content.points });
query(files, { type: FilePage, complexity: pageComplexity });

function textOf(content: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return null;
  }
}

mutation(putFile, {
  payload: 'The file is in the VM.',
  fields: (t) => ({
    path: t.string({ description: 'As getFile takes it.', resolve: ({ path }) => path.join('/') }),
    guestPath: t.string({ description: 'How the guest calls it.', resolve: ({ path }) => guestPath(path) }),
    size: t.exposeInt('size', { description: 'Bytes.' }),
    sha256: t.exposeString('sha256', { description: 'SHA-256, hexadecimal.' }),
    replaced: t.exposeBoolean('replaced', { description: 'Whether there was a file of this name before.' }),
  }),
});

mutation(deleteFile, {
  payload: 'It is gone.',
  fields: (t) => ({ path: t.string({ description: 'Where it was.', resolve: ({ path }) => path.join('/') }) }),
});
