import { randomUUID } from 'node:crypto';
import { mkdir, rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errno } from './errno.js';
import { HeldFolder } from './heldFolder.js';
import type { Layout } from './layout.js';
import { namesIn } from './namesIn.js';
import { discard, type EmptyAsRoot, removeForGood } from './trash.js';

/** Asked right before something is changed; throws when it may not be any more. */
export type Confirm = () => Promise<void>;

/**
 * Removes what an earlier try left at a machine's place, and half-made beside it: only what stood there before `confirm` was asked.
 * The folder is held open and emptied through that, so that one which another server put in its place meanwhile stays as it is.
 */
export async function clearPlace(
  layout: Layout,
  place: string,
  confirm: Confirm,
  emptyAsRoot?: EmptyAsRoot,
): Promise<void> {
  const folder = await HeldFolder.open(place).catch((fault: unknown) => {
    if (errno(fault) === 'ENOENT') return undefined;
    throw fault;
  });
  try {
    const halfMade = await halfMadeFor(place);
    await confirm();
    if (folder !== undefined) await discardHeld(layout, folder, place, emptyAsRoot);
    for (const draft of halfMade) await discard(layout, draft, emptyAsRoot);
  } finally {
    await folder?.close();
  }
}

/** A new name for something that is put together beside its place and renamed once it is whole. */
export function draftFor(place: string): string {
  return `${place}.partial-${randomUUID()}`;
}

export async function halfMadeFor(place: string): Promise<string[]> {
  const top = dirname(place);
  const names = await namesIn(top);
  return names.filter((name) => name.startsWith(`${basename(place)}.partial-`)).map((name) => join(top, name));
}

async function discardHeld(
  layout: Layout,
  folder: HeldFolder,
  place: string,
  emptyAsRoot: EmptyAsRoot | undefined,
): Promise<void> {
  const grave = join(layout.trash, `${basename(place)}-${randomUUID()}`);
  await mkdir(grave, { mode: 0o700 });
  for (const name of await namesIn(folder.path))
    await rename(folder.at(name), join(grave, name)).catch((fault: unknown) => {
      if (errno(fault) !== 'ENOENT') throw fault;
    });
  await removeForGood(grave, emptyAsRoot);
  await rmdir(place).catch((fault: unknown) => {
    // Not empty: it is another server's by now.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errno(fault) ?? '')) throw fault;
  });
}
