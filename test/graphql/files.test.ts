import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Vm } from '../../src/db/vms.js';
import { LIMITS } from '../../src/domain/limits.js';
import { aShare, type TestShare } from '../storage/aShare.js';
import { aStorage, type TestStorage } from '../storage/aStorage.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { ask, REFUSAL, read } from './support/ask.js';

let world: World;
let files: TestShare;
let storage: TestStorage;
let vm: Vm;

beforeAll(async () => {
  storage = await aStorage();
  world = await startWorld({}, { engine: { share: () => files.share, oemBundles: storage.storage.oemBundles } });
});
afterAll(async () => {
  await world.close();
  await storage.remove();
});
beforeEach(async () => {
  files = await aShare();
  vm = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' });
  return () => files.remove();
});

const put = async (input: object) =>
  (
    await read(
      world,
      `mutation($input: PutFileInput!) { putFile(input: $input) { ${REFUSAL} ... on PutFilePayload { path guestPath size sha256 replaced } } }`,
      { input: { vmId: vm.id, ...input } },
    )
  ).putFile;
const get = async (path: string, more: object = {}) =>
  (
    await read(
      world,
      `query($vmId: ID!, $path: String!, $assignedTo: String) { getFile(vmId: $vmId, path: $path, assignedTo: $assignedTo) { ${REFUSAL} ... on FileContent { path guestPath size sha256 contentBase64 text } } }`,
      { vmId: vm.id, path, ...more },
    )
  ).getFile;

test('a small file goes both ways', async () => {
  expect(await put({ path: 'in/tools/x.txt', text: 'grün' })).toEqual({
    __typename: 'PutFilePayload',
    path: 'in/tools/x.txt',
    guestPath: 'Z:\\in\\tools\\x.txt',
    size: 5,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    replaced: false,
  });
  expect(await get('in/tools/x.txt')).toMatchObject({ size: 5, text: 'grün', guestPath: 'Z:\\in\\tools\\x.txt' });
  expect(await put({ path: 'in/tools/x.txt', contentBase64: '/wA=' })).toMatchObject({ replaced: true, size: 2 });
  expect(await get('in/tools/x.txt')).toMatchObject({ contentBase64: '/wA=', text: null });
  expect(await put({ path: 'in/tools/x.txt', text: 'y', overwrite: false })).toMatchObject({ __typename: 'Conflict' });
});

test('a file of 1 MiB fits; a larger one is shown the way', async () => {
  const content = Buffer.alloc(LIMITS.smallFileBytes.value, 7);
  expect(await put({ path: 'in/x', contentBase64: content.toString('base64') })).toMatchObject({
    size: LIMITS.smallFileBytes.value,
  });
  expect((await readFile(join(files.root, 'in/x'))).equals(content)).toBe(true);
  expect(Buffer.from((await get('in/x')).contentBase64, 'base64').equals(content)).toBe(true);

  const larger = await put({ path: 'in/y z', text: 'x'.repeat(LIMITS.smallFileBytes.value + 1) });
  expect(larger).toMatchObject({ __typename: 'InvalidInput', field: 'text' });
  expect(larger.fix).toContain(`PUT /api/vms/instances/${vm.id}/files/in/y%20z`);
  await writeFile(join(files.root, 'out/big file'), '');
  await truncate(join(files.root, 'out/big file'), LIMITS.smallFileBytes.value + 1);
  const big = await get('out/big file');
  expect(big).toMatchObject({ __typename: 'Conflict' });
  expect(big.fix).toContain(`GET /api/vms/instances/${vm.id}/files/out/big%20file`);
});

test('what is wrong is said: path, content, VM, holder', async () => {
  for (const path of ['in/../x', 'in/con', 'out/x', 'in/a:b', 'x', 'in/C:\\x', `in/${'n/'.repeat(150)}`])
    expect(await put({ path, text: 'x' })).toMatchObject({ __typename: 'InvalidInput', field: 'path' });
  for (const content of [{}, { text: 'x', contentBase64: 'eA==' }, { contentBase64: 'x' }, { contentBase64: 'eA=\n=' }])
    expect(await put({ path: 'in/x', ...content })).toMatchObject({
      __typename: 'InvalidInput',
      field: 'contentBase64',
    });
  expect(await put({ path: 'in/x', text: 'x', assignedTo: 'bob' })).toMatchObject({ __typename: 'Conflict' });
  expect(await put({ path: 'in/x', text: 'x', vmId: 'no' })).toMatchObject({
    __typename: 'InvalidInput',
    field: 'vmId',
  });
  expect(await put({ path: 'in/x', text: 'x', vmId: '00000000-0000-4000-8000-000000000000' })).toMatchObject({
    __typename: 'NotFound',
  });
  expect(await get('out/missing')).toMatchObject({ __typename: 'NotFound' });
  expect(await get('out')).toMatchObject({ __typename: 'Conflict' });
  expect(await get('out/x', { assignedTo: 'bob' })).toMatchObject({ __typename: 'Conflict' });
  const spare = await aVm(world.db);
  expect(await get('out/x', { vmId: spare.id })).toMatchObject({ __typename: 'Conflict' });
});

test('a folder is listed page by page and its entries are removed', async () => {
  for (const name of ['b', 'a']) await writeFile(join(files.root, 'out', name), name);
  await mkdir(join(files.root, 'out/c/d'), { recursive: true });
  const page = async (after?: string) =>
    (
      await read(
        world,
        `query($vmId: ID!, $after: String) { files(vmId: $vmId, first: 2, after: $after) { ${REFUSAL} ... on FilePage { next entries { name path kind size } } } }`,
        { vmId: vm.id, after },
      )
    ).files;
  const remove = async (path: string, recursive = false) =>
    (
      await read(
        world,
        `mutation($input: DeleteFileInput!) { deleteFile(input: $input) { ${REFUSAL} ... on DeleteFilePayload { path } } }`,
        { input: { vmId: vm.id, path, recursive } },
      )
    ).deleteFile;

  expect(await page()).toEqual({
    __typename: 'FilePage',
    next: 'b',
    entries: [
      { name: 'a', path: 'out/a', kind: 'FILE', size: 1 },
      { name: 'b', path: 'out/b', kind: 'FILE', size: 1 },
    ],
  });
  expect(await page('b')).toMatchObject({
    next: null,
    entries: [{ name: 'c', path: 'out/c', kind: 'FOLDER', size: 0 }],
  });
  expect(await remove('out/a')).toEqual({ __typename: 'DeleteFilePayload', path: 'out/a' });
  expect(await remove('out/a')).toMatchObject({ __typename: 'NotFound' });
  expect(await remove('out/c')).toMatchObject({ __typename: 'Conflict' });
  expect(await remove('out/c', true)).toMatchObject({ __typename: 'DeleteFilePayload' });
  expect(await remove('out', true)).toMatchObject({ __typename: 'InvalidInput' });
});

test('one operation can not have many files read', async () => {
  const many = Array.from({ length: 60 }, (_, n) => `f${n}: getFile(vmId: "${vm.id}", path: "out/x") { __typename }`);
  const { errors } = await ask(world, `{ ${many.join('\n')} }`);
  expect(errors?.[0]?.message).toMatch(/complex/);
});

test('a bundle of own files is made, used and deleted', async () => {
  const putOem = async (input: object) =>
    (
      await read(
        world,
        `mutation($input: PutOemFileInput!) { putOemFile(input: $input) { ${REFUSAL} ... on PutOemFilePayload { bundle { name size files { path size } } } } }`,
        { input },
      )
    ).putOemFile;
  const create = async (oemBundle: string) =>
    (
      await read(
        world,
        `mutation($input: CreateGoldenImageInput!) { createGoldenImage(input: $input) { ${REFUSAL} ... on CreateGoldenImagePayload { goldenImage { oemBundle } } } }`,
        { input: { oemBundle } },
      )
    ).createGoldenImage;
  const remove = async (name: string) =>
    (
      await read(world, `mutation($input: DeleteOemBundleInput!) { deleteOemBundle(input: $input) { ${REFUSAL} } }`, {
        input: { name },
      })
    ).deleteOemBundle;

  expect(await putOem({ bundle: 'office', path: 'sub/10-run.cmd', text: 'echo\n' })).toMatchObject({
    bundle: { name: 'office', size: 5, files: [{ path: 'sub/10-run.cmd', size: 5 }] },
  });
  expect(await putOem({ bundle: 'Office', path: 'x', text: 'x' })).toMatchObject({ field: 'bundle' });
  expect(await putOem({ bundle: 'office', path: '../x', text: 'x' })).toMatchObject({ field: 'path' });
  expect((await read(world, '{ oemBundles { name } }')).oemBundles).toEqual([{ name: 'office' }]);
  expect(await create('office')).toMatchObject({ goldenImage: { oemBundle: 'office' } });
  expect(await create('none')).toMatchObject({ __typename: 'NotFound' });
  expect(await create('../x')).toMatchObject({ __typename: 'InvalidInput', field: 'oemBundle' });
  expect(await remove('office')).toMatchObject({ __typename: 'DeleteOemBundlePayload' });
  expect(await remove('office')).toMatchObject({ __typename: 'NotFound' });
});
