import { cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DiskBroken } from './diskBroken.js';
import { errno } from './errno.js';

/** cmd.exe loses its place in batch files whose lines end with LF only, and old regedits read no such files at all. */
const TEXTS: readonly string[] = ['.bat', '.cmd', '.reg'];
/** No text that people write is larger. Bytes. */
const MAX_TEXT = 16 * 1024 * 1024;

/**
 * Copies a bundle's files for one installation, with lines that end as Windows wants them.
 * @throws DiskBroken  the bundle is gone
 */
export async function copyOemBundle(from: string, to: string): Promise<void> {
  try {
    await cp(from, to, { recursive: true, errorOnExist: true, force: false });
  } catch (fault) {
    if (errno(fault) === 'ENOENT') throw new DiskBroken('its OEM bundle was deleted before the installation began');
    throw fault;
  }
  for (const entry of await readdir(to, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !TEXTS.includes(extname(entry.name).toLowerCase())) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await stat(path)).size <= MAX_TEXT) await endLinesWithCrLf(path);
  }
}

async function endLinesWithCrLf(path: string): Promise<void> {
  const content = await readFile(path);
  // UTF-16, as regedit exports: what looks like a line's end may be half of another character.
  if ((content[0] === 0xff && content[1] === 0xfe) || (content[0] === 0xfe && content[1] === 0xff)) return;
  const text = content.toString('latin1'); // byte for byte, whatever the encoding
  const ended = text.replaceAll(/\r?\n/g, '\r\n');
  if (ended !== text) await writeFile(path, ended, 'latin1');
}
