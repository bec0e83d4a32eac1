import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Receptions } from '../../src/storage/receptions.js';
import { createShare, type ShareOptions } from '../../src/storage/share.js';

export interface TestShare {
  /** What the guest sees. */
  root: string;
  uploads: string;
  /** Beside the share: what no path of a caller may lead to. */
  outside: string;
  share: ReturnType<typeof createShare>;
  remove: () => Promise<void>;
}

/** A share as a VM has it, in a folder of its own or in one that is given. */
export async function aShare(
  options: Partial<Pick<ShareOptions, 'reserveBytes' | 'durable'>> & { folder?: string } = {},
): Promise<TestShare> {
  const { folder: given, ...more } = options;
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'vapiorc-share-')));
  const [root, uploads, outside] = [join(folder, 'shared'), join(folder, 'uploads'), join(folder, 'outside')];
  for (const path of [join(root, 'in'), join(root, 'out'), outside]) await mkdir(path, { recursive: true });
  const share = createShare({ root, uploads, ...more }, new Receptions());
  return { root, uploads, outside, share, remove: () => rm(folder, { recursive: true, force: true }) };
}

export async function* bytes(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

export async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts).toString();
}
