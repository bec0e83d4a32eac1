import { readSmallFile, refusing, restPathOf, type SmallFile } from '../actions/smallFile.js';
import { type VmFile, type VmFileOrder, vmFile } from '../actions/vmFile.js';
import { Refusal } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { PRICES } from '../domain/prices.js';
import type { ShareEntry, SharePath } from '../domain/share.js';
import { guestPath } from '../domain/windowsPath.js';
import { ID_DESCRIPTION } from './args.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { uuidOfNode } from './nodeId.js';
import { pageComplexity, pageSize } from './page.js';
import { answer, Conflict, InvalidInput, NotFound, resultType, Unavailable } from './refusals.js';

export const FILE_VM_DESCRIPTION = `The VM. ${ID_DESCRIPTION}`;
export const FILE_HOLDER_DESCRIPTION = 'Refuse when the VM is not assigned to just this.';
const PATH_DESCRIPTION =
  'With slashes: `in/…` (`Z:\\in` in the guest) is what callers hand in, `out/…` (`Z:\\out`) what the guest hands out.';

interface Entry extends ShareEntry {
  path: SharePath;
}

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

const GetFileResult = builder.unionType('GetFileResult', {
  description: 'What getFile answers.',
  types: [FileContent, InvalidInput, NotFound, Conflict, Unavailable],
  resolveType: resultType('FileContent'),
});

const FilesResult = builder.unionType('FilesResult', {
  description: 'What files answers.',
  types: [FilePage, InvalidInput, NotFound, Conflict, Unavailable],
  resolveType: resultType('FilePage'),
});

builder.queryFields((t) => ({
  getFile: t.field({
    type: GetFileResult,
    description: `A file of a VM that was handed out, of up to ${LIMITS.smallFileBytes.value} bytes; larger ones by REST, GET /api/vms/instances/{id}/files/{path}. The agent has no part in it.`,
    complexity: PRICES.content.points,
    args: {
      vmId: t.arg.id({ required: true, description: FILE_VM_DESCRIPTION }),
      path: t.arg.string({ required: true, description: PATH_DESCRIPTION }),
      assignedTo: t.arg.string({ description: FILE_HOLDER_DESCRIPTION }),
    },
    resolve: async (_root, order, context) =>
      answer(
        await inShare(context, order, ({ vm, share, path }) => readSmallFile(share, path, restPathOf(vm.id, path))),
        (file) => file,
      ),
  }),
  files: t.field({
    type: FilesResult,
    description: 'What is in a folder of a VM that was handed out.',
    complexity: pageComplexity,
    args: {
      vmId: t.arg.id({ required: true, description: FILE_VM_DESCRIPTION }),
      path: t.arg.string({ required: true, defaultValue: 'out', description: PATH_DESCRIPTION }),
      assignedTo: t.arg.string({ description: FILE_HOLDER_DESCRIPTION }),
      first: t.arg.int({ description: 'How many at most: 50 when it is not given, at most 100.' }),
      after: t.arg.string({ description: 'A name: what comes after it.' }),
    },
    resolve: async (_root, { first, after, ...order }, context) => {
      const page = { limit: pageSize(first), ...(after != null && { after }) };
      return answer(
        await inShare(context, order, async ({ share, path }) => {
          const found = await share.list(path, page);
          if (found instanceof Error) return found;
          const entries = found.entries.map((entry) => ({ ...entry, path: [...path, entry.name] }));
          return { entries, next: found.next };
        }),
        (page_) => page_,
      );
    },
  }),
}));

/** Runs `work` in the place that was named, where the caller may. */
export async function inShare<T>(
  { db, share }: Pick<Context, 'db' | 'share'>,
  order: VmFileOrder,
  work: (place: VmFile) => Promise<T>,
  locate = vmFile,
) {
  const vmId = uuidOfNode('Vm', 'vmId', order.vmId);
  if (typeof vmId !== 'string') return vmId;
  const place = await locate({ db, share }, { ...order, vmId });
  return place instanceof Refusal ? place : refusing(() => work(place));
}

function textOf(content: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return null;
  }
}
