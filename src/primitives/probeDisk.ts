import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a small file in this folder to the disk itself, renames it and removes it. @throws the file system's fault */
export async function probeDisk(folder: string): Promise<void> {
  const draft = join(folder, `probe-${randomUUID()}`);
  try {
    await writeFile(draft, Buffer.alloc(4096), { flush: true, mode: 0o600 });
    await rename(draft, `${draft}.renamed`);
  } finally {
    for (const file of [draft, `${draft}.renamed`]) await rm(file, { force: true }).catch(() => {});
  }
}
