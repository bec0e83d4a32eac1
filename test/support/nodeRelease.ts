import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));

/** Path of the `node` of another release, out of npm's package of it: fetched once, and kept until the packages are installed anew. */
export async function nodeRelease(version: string): Promise<string> {
  const kept = join(CACHE, `node-${version}`);
  const pkg = `node-${process.platform}-${process.arch}`;
  const program = join(kept, 'node_modules', pkg, 'bin/node');
  if (existsSync(program)) return program;
  await mkdir(CACHE, { recursive: true });
  const fresh = await mkdtemp(join(CACHE, 'node.new-'));
  try {
    const args = ['install', '--prefix', fresh, '--no-save', '--no-audit', '--no-fund', `${pkg}@${version}`];
    await promisify(execFile)('npm', args, { cwd: fresh });
    await rename(fresh, kept).catch((err: Error) => {
      if (!existsSync(program)) throw err; // else somebody was faster
    });
    return program;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
