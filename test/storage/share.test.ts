import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CapacityExhausted, Conflict, NotFound } from '../../src/domain/errors.js';
import { AlreadyThere, FileChanged, type OpenShareFile, UploadCutOff } from '../../src/domain/share.js';
import { HeldFolder } from '../../src/storage/heldFolder.js';
import { listFolder } from '../../src/storage/listFolder.js';
import { aShare, bytes, type TestShare, textOf } from './aShare.js';

let here: TestShare;
beforeEach(async () => {
  here = await aShare();
});
afterEach(() => here.remove());

const replace = { replace: true };
const put = (path: string, text: string, order = replace) => here.share.write(path.split('/'), bytes(text), order);
const at = (path: string) => join(here.root, path);
const left = () => readdir(here.uploads).catch(() => []);

async function opened(path: string): Promise<OpenShareFile> {
  const file = await here.share.open(path.split('/'));
  if (file instanceof Error) throw file;
  return file;
}
async function read(path: string): Promise<string> {
  const file = await opened(path);
  return textOf(file.read(0, file.size));
}

test('what is written is read again, with its size, sum and tag', async () => {
  const sha256 = createHash('sha256').update('hello').digest('hex');
  expect(
    await here.share.write(['in', 'a', 'b', 'x'], bytes('hel', '', 'lo'), { ...replace, bytes: 5, sha256 }),
  ).toEqual({
    size: 5,
    sha256,
    replaced: false,
  });

  const file = await opened('in/a/b/x');
  expect([file.size, await file.sha256(), await textOf(file.read(1, 3))]).toEqual([5, sha256, 'el']);
  const before = file.etag;
  expect(await put('in/a/b/x', 'olleh')).toMatchObject({ replaced: true });
  const again = await opened('in/a/b/x');
  await again.close();
  expect(again.etag).not.toBe(before);
  expect(await left()).toEqual([]);
});

test('a reader keeps the file that it opened while another takes its place', async () => {
  await put('in/x', 'old');
  const file = await opened('in/x');
  await put('in/x', 'new content');

  expect(await textOf(file.read(0, file.size))).toBe('old');
  expect(await read('in/x')).toBe('new content');
});

test('nothing is left of what did not come whole or is not what was announced', async () => {
  const cases: [() => Promise<unknown>, new (...given: never[]) => object][] = [
    [() => here.share.write(['in', 'x'], bytes('abc'), { ...replace, bytes: 4 }), UploadCutOff],
    [() => here.share.write(['in', 'x'], bytes('abcde'), { ...replace, bytes: 4 }), UploadCutOff],
    [
      () =>
        here.share.write(
          ['in', 'x'],
          (async function* () {
            yield Buffer.alloc(3_000_000);
            throw new RangeError('the source broke');
          })(),
          replace,
        ),
      RangeError,
    ],
    [() => here.share.write(['in', 'x'], bytes('abc'), { ...replace, sha256: '0'.repeat(64) }), Conflict],
  ];
  for (const [work, kind] of cases) expect(await work().catch((err: unknown) => err)).toBeInstanceOf(kind);
  expect(await readdir(at('in'))).toEqual([]);
  expect(await left()).toEqual([]);
});

test('without leave to replace the first one stays, of any that race', async () => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) => put('in/x', `content ${n}`, { replace: false })),
  );

  expect(results.filter((result) => result instanceof AlreadyThere)).toHaveLength(19);
  const won = results.findIndex((result) => !(result instanceof Error));
  expect(await read('in/x')).toBe(`content ${won}`);
  expect(await left()).toEqual([]);
});

test('a folder is not overwritten, and a file is no folder', async () => {
  await put('in/folder/x', 'x');

  expect(await put('in/folder', 'y')).toBeInstanceOf(Conflict);
  expect(await put('in/folder/x/y', 'y')).toBeInstanceOf(Conflict);
  expect(await here.share.open(['in', 'folder'])).toBeInstanceOf(Conflict);
  expect(await here.share.list(['in', 'folder', 'x'], { limit: 10 })).toBeInstanceOf(Conflict);
  expect(await here.share.list(['in', 'none'], { limit: 10 })).toBeInstanceOf(NotFound);
  expect(await here.share.list([], { limit: 10 })).toBeInstanceOf(NotFound);
  expect(await here.share.open([])).toBeInstanceOf(NotFound);
});

describe('a link', () => {
  const levels = ['in', 'in/a', 'in/a/b', 'in/a/b/x'];
  test.each(levels)('at %s leads nowhere', async (level) => {
    await writeFile(join(here.outside, 'x'), 'secret');
    await mkdir(join(here.outside, 'a', 'b'), { recursive: true });
    for (const place of ['a/x', 'a/b/x']) await writeFile(join(here.outside, place), 'secret');
    await mkdir(join(at(level), '..'), { recursive: true });
    await rm(at(level), { recursive: true, force: true });
    const target = { in: '', 'in/a': 'a', 'in/a/b': 'a/b', 'in/a/b/x': 'a/b/x' }[level] ?? '';
    await symlink(join(here.outside, target), at(level));

    expect(await here.share.open(['in', 'a', 'b', 'x'])).toBeInstanceOf(NotFound);
    if (level !== 'in/a/b/x') {
      expect(await here.share.list(['in', 'a', 'b'], { limit: 10 })).toBeInstanceOf(NotFound);
      expect(await put('in/a/b/x', 'mine')).toBeInstanceOf(Conflict);
      expect(await put('in/a/b/y', 'mine')).toBeInstanceOf(Conflict);
      expect(await here.share.remove(['in', 'a', 'b', 'x'], false)).toBe(false);
    } else {
      expect(await put('in/a/b/x', 'mine')).toMatchObject({ replaced: true }); // the link itself gives way
      expect(await read('in/a/b/x')).toBe('mine');
    }
    expect(await readFile(join(here.outside, 'a/b/x'), 'utf8')).toBe('secret');
    expect(await readdir(join(here.outside, 'a/b'))).toEqual(['x']);
    expect(await left()).toEqual([]);
  });

  test('that comes and goes while files are written, read, listed and removed leads nowhere', {
    timeout: 60_000,
  }, async () => {
    await mkdir(join(here.outside, 'b'));
    for (const place of ['x', 'b/x']) await writeFile(join(here.outside, place), 'secret');
    const swapping = { on: true };
    const swap = async (place: string, target: string) => {
      while (swapping.on) {
        await rename(at(place), at('kept')).catch(() => {});
        await symlink(target, at(place)).catch(() => {});
        await unlink(at(place)).catch(() => {});
        await rename(at('kept'), at(place)).catch(() => {});
        if ((await lstat(at(place)).catch(() => undefined)) === undefined) await mkdir(at(place), { recursive: true });
      }
    };
    await mkdir(at('in/a/b'), { recursive: true });
    const guest = swap('in/a', here.outside);

    const seen = new Set<string>();
    for (let n = 0; n < 250; n++) {
      const name = n % 2 === 0 ? ['in', 'a', 'x'] : ['in', 'a', 'b', 'x'];
      await here.share.write(name, bytes('mine'), replace);
      const file = await here.share.open(name);
      if (!(file instanceof Error)) seen.add(await textOf(file.read(0, file.size)));
      await here.share.list(['in', 'a'], { limit: 10 });
      await here.share.remove(['in', 'a', 'b'], true);
      await here.share.remove(name, false);
    }
    swapping.on = false;
    await guest;

    expect([...seen]).toEqual(['mine']);
    expect((await readdir(here.outside)).toSorted()).toEqual(['b', 'x']);
    for (const place of ['x', 'b/x']) expect(await readFile(join(here.outside, place), 'utf8')).toBe('secret');
  });
});

test.each([
  ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
  [
    'a socket',
    (path: string) =>
      execFileSync('python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(path)})`]),
  ],
  ['a device', (path: string) => execFileSync('mknod', [path, 'c', '1', '5'])],
  ['a link to nothing', (path: string) => execFileSync('ln', ['-s', '/nowhere', path])],
])('%s is not there, but can be replaced and removed', async (_, make) => {
  make(at('out/odd'));

  expect(await here.share.open(['out', 'odd'])).toBeInstanceOf(NotFound);
  expect(await here.share.list(['out'], { limit: 10 })).toEqual({ entries: [], next: null });
  expect(await here.share.list(['out', 'odd'], { limit: 10 })).toBeInstanceOf(NotFound);
  expect(await here.share.remove(['out', 'odd'], false)).toBe(true);
  make(at('out/odd'));
  expect(await put('out/odd', 'plain')).toMatchObject({ replaced: true });
  expect(await read('out/odd')).toBe('plain');
});

test('a file that gets shorter while it is read is a fault, not a shorter file', async () => {
  await writeFile(at('out/x'), Buffer.alloc(4_000_000));
  const file = await opened('out/x');
  const reading = file.read(0, file.size)[Symbol.asyncIterator]();
  await reading.next();
  await truncate(at('out/x'), 10);

  await expect(
    (async () => {
      while (!(await reading.next()).done);
    })(),
  ).rejects.toBeInstanceOf(FileChanged);
});

test('a folder goes with all that is in it, however deep, and no link of it is followed', async () => {
  await mkdir(at('out/tree/a'), { recursive: true });
  await writeFile(join(here.outside, 'x'), 'secret');
  await symlink(here.outside, at('out/tree/a/link'));
  await link(join(here.outside, 'x'), at('out/tree/a/hard'));
  execFileSync('python3', [
    '-c',
    'import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(2200):\n  os.mkdir("d")\n  open(b"\\xff name", "w").close()\n  os.chdir("d")',
    at('out/tree'),
  ]);

  expect(await here.share.remove(['out', 'tree'], false)).toBeInstanceOf(Conflict);
  expect(await here.share.remove(['out', 'tree'], true)).toBe(true);
  expect(await here.share.remove(['out', 'tree'], true)).toBe(false);
  expect(await readdir(at('out'))).toEqual([]);
  expect(await readFile(join(here.outside, 'x'), 'utf8')).toBe('secret');
  expect(await left()).toEqual([]);
});

test('a page of a large folder has the first names after the one given', async () => {
  const names = Array.from({ length: 300 }, (_, n) => `n${String(n).padStart(3, '0')}`);
  await Promise.all(names.map((name) => writeFile(at(`out/${name}`), name)));

  const page = await here.share.list(['out'], { after: 'n041', limit: 3 });
  expect(page).toMatchObject({ entries: [{ name: 'n042' }, { name: 'n043' }, { name: 'n044' }], next: 'n044' });
  expect(await here.share.list(['out'], { after: 'n296', limit: 3 })).toMatchObject({ next: null });
});

test('a file that goes while a page is read is no sign of the last page', async () => {
  for (const name of ['a', 'b', 'c']) await writeFile(at(`out/${name}`), name);
  const folder = await HeldFolder.open(at('out'));
  // The names were read when the entries are looked at.
  const look = folder.at.bind(folder);
  folder.at = (name) => {
    if (name === 'b') unlinkSync(at('out/b'));
    return look(name);
  };

  const page = await listFolder(folder, { limit: 2 });

  expect(page).toMatchObject({ entries: [{ name: 'a' }], next: 'b' });
  expect(await here.share.list(['out'], { after: 'b', limit: 2 })).toMatchObject({
    entries: [{ name: 'c' }],
    next: null,
  });
  await folder.close();
});

test('more uploads at once than a share takes are refused, until one of them is done', async () => {
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  async function* slowly() {
    yield Buffer.from('x');
    await held;
  }
  const others = Array.from({ length: 64 }, (_, n) => here.share.write(['in', `n${n}`], slowly(), replace));

  expect(await put('in/one-more', 'x')).toMatchObject({
    code: 'CONFLICT',
    message: '64 files are being written into this share already',
    fix: expect.stringContaining('at most 64'),
  });
  const elsewhere = await aShare();
  expect(await elsewhere.share.write(['in', 'x'], bytes('x'), replace)).toMatchObject({ size: 1 });
  await elsewhere.remove();
  go();
  for (const other of await Promise.all(others)) expect(other).toMatchObject({ size: 1 });
  expect(await put('in/one-more', 'x')).toMatchObject({ size: 1 });
});

describe('a disk that is full', () => {
  let small: TestShare;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vapiorc-small-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]);
    small = await aShare({ folder, reserveBytes: 0 });
  });
  afterEach(async () => {
    execFileSync('umount', [folder]);
    await rm(folder, { recursive: true });
  });
  async function* ofSize(mib: number) {
    for (let n = 0; n < mib; n++) yield Buffer.alloc(1024 * 1024, 1);
  }

  test('takes nothing of a file that does not fit, announced or not', async () => {
    expect(await small.share.write(['in', 'x'], ofSize(20), { ...replace, bytes: 20 * 1024 * 1024 })).toBeInstanceOf(
      CapacityExhausted,
    );
    expect(await small.share.write(['in', 'x'], ofSize(20), replace)).toBeInstanceOf(CapacityExhausted);
    expect(await readdir(join(small.root, 'in'))).toEqual([]);
    expect(await readdir(small.uploads)).toEqual([]);
    expect(await small.share.write(['in', 'x'], ofSize(4), replace)).toMatchObject({ size: 4 * 1024 * 1024 });
  });

  test('still lets files be removed', async () => {
    await small.share.write(['in', 'folder', 'x'], ofSize(7), replace);
    execFileSync('sh', ['-c', `cat /dev/zero > ${join(small.root, 'out', 'fill')} 2> /dev/null || true`]);
    expect(await small.share.write(['in', 'y'], bytes('y'), replace)).toBeInstanceOf(CapacityExhausted);
    expect(await small.share.remove(['in', 'folder'], true)).toBe(true);
    expect(await small.share.write(['in', 'y'], bytes('y'), replace)).toMatchObject({ size: 1 });
  });

  test('keeps a reserve for the disks of VMs', async () => {
    const careful = await aShare({ folder, reserveBytes: 6 * 1024 * 1024 });
    expect(await careful.share.write(['in', 'x'], ofSize(4), { ...replace, bytes: 4 * 1024 * 1024 })).toBeInstanceOf(
      CapacityExhausted,
    );
    expect(await careful.share.write(['in', 'x'], ofSize(1), { ...replace, bytes: 1024 * 1024 })).toMatchObject({
      replaced: false,
    });
  });
});

test('a machine that is gone takes no file and has none', async () => {
  await rm(join(here.root, '..'), { recursive: true });

  expect(await put('in/x', 'x')).toBeInstanceOf(Conflict);
  expect(await here.share.open(['in', 'x'])).toBeInstanceOf(NotFound);
  expect(await here.share.remove(['in', 'x'], true)).toBe(false);
});

test('what an ended process left half-received goes with the next upload; what a living one receives stays', async () => {
  await put('in/x', 'x');
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = here.share.write(
    ['in', 'slow'],
    (async function* () {
      yield Buffer.from('slow');
      await held;
    })(),
    replace,
  );
  while ((await left()).length === 0) await put('in/z', 'z');
  const [living = ''] = await left();
  const [world, , , id] = living.split('_');
  await writeFile(join(here.uploads, `${world}_${process.pid}_1_${id}`), 'of a process that had our number before');
  await writeFile(join(here.uploads, `${world}_999999999_1_${id}`), 'of a process that is no more');
  await mkdir(join(here.uploads, `elsewhere_1_1_${id}`, 'x'), { recursive: true });
  await writeFile(join(here.uploads, `elsewhere-new_1_1_${id}`), 'may be at work');
  await utimes(join(here.uploads, `elsewhere_1_1_${id}`), 1, 1);

  // Not with each of many uploads at once.
  await put('in/y', 'y');
  expect(await left()).toHaveLength(5);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  await put('in/y', 'y').finally(() => vi.useRealTimers());
  expect(new Set(await left())).toEqual(new Set([living, `elsewhere-new_1_1_${id}`]));
  go();
  expect(await slow).toMatchObject({ size: 4 });
});

test('names that are no text take no place on a page, however long they become when they are read', async () => {
  const nameless = (length: number) =>
    Buffer.concat([Buffer.from(join(here.root, 'out/')), Buffer.alloc(length, 0xff)]);
  for (const length of [1, 2, 3, 255]) await writeFile(nameless(length), 'x');
  // Sorted behind those that are none.
  for (const name of ['\u{FFFD}valid', '\u{FFFE}']) await writeFile(join(here.root, 'out', name), 'y');

  const page = await here.share.list(['out'], { limit: 2 });

  expect(page).toMatchObject({ entries: [{ name: '\u{FFFD}valid' }, { name: '\u{FFFE}' }], next: null });
});
