import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { receiveFile } from '../../src/storage/receiveFile.js';

const MIB = 1024 ** 2;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vapiorc-receive-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const noLimit = async () => {};

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function inFile<T>(name: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(join(folder, name), 'w');
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

test.each([
  ['nothing', 0, 1],
  ['one byte', 1, 1],
  ['just a batch', MIB, 65_536],
  ['just a batch in one piece', MIB, MIB],
  ['a batch and a byte', MIB + 1, 65_536],
  ['many batches in odd pieces', 9 * MIB + 4321, 65_521],
  ['many batches in one piece', 9 * MIB + 4321, 20 * MIB],
])('%s arrives as it was, with its sum, announced or not', async (name, size, length) => {
  const bytes = randomBytes(size);
  for (const announced of [size, undefined]) {
    const received = await inFile(name, (file) => receiveFile(file, pieces(bytes, length), announced, noLimit));
    expect(received).toEqual({ size, sha256: sha256(bytes) });
    expect((await readFile(join(folder, name))).equals(bytes)).toBe(true);
  }
});

test('each of many at once has its own sum', async () => {
  const files = Array.from({ length: 8 }, (_, n) => randomBytes(3 * MIB + n));
  const received = await Promise.all(
    files.map((bytes, n) =>
      inFile(`many-${n}`, (file) => receiveFile(file, pieces(bytes, 50_000), undefined, noLimit)),
    ),
  );
  expect(received.map((each) => each.sha256)).toEqual(files.map(sha256));
});

test('a source that fails in the middle, or gives more or less than it announced, is told of, and the next one is well', async () => {
  const bytes = randomBytes(5 * MIB);
  async function* failing() {
    yield* pieces(bytes, 65_536);
    throw new Error('the line is dead');
  }
  const receive = (source: AsyncIterable<Uint8Array>, announced?: number) =>
    inFile('broken', (file) => receiveFile(file, source, announced, noLimit));

  await expect(receive(failing())).rejects.toThrow('the line is dead');
  await expect(receive(pieces(bytes, 65_536), 6 * MIB)).rejects.toThrow(`${5 * MIB} of ${6 * MIB} bytes came`);
  await expect(receive(pieces(bytes, 65_536), 2 * MIB)).rejects.toThrow(`of ${2 * MIB} bytes came`);
  expect((await receive(pieces(bytes, 65_536))).sha256).toBe(sha256(bytes));
});

test('a file that can not be written any more is told of', async () => {
  const file = await open('/dev/full', 'w');
  try {
    await expect(receiveFile(file, pieces(randomBytes(9 * MIB), 65_536), undefined, noLimit)).rejects.toThrow('ENOSPC');
  } finally {
    await file.close();
  }
});
