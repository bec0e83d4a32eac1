import type { GoldenImage } from '../db/images.js';
import { withPercent } from '../domain/installProgress.js';
import type { InstallProgress } from '../provisioner/provisioner.js';
import { noteProgress } from '../transitions/noteProgress.js';
import type { Deps } from './deps.js';
import { keepScreenshot } from './keepScreenshot.js';
import { tellIfStuck } from './tellIfStuck.js';

/** Looks once at an installation that runs: how far it is, what it shows, and whether it still moves. */
export async function watchInstall(deps: Deps, image: GoldenImage): Promise<void> {
  const heard = await deps.provisioner.progress(image.id);
  const latest = heard === undefined ? image : await noteHeard(deps, image.id, heard);
  if (latest?.status !== 'INSTALLING') return;
  // From then on there is a screen.
  if (latest.phase === 'SETUP' || latest.phase === 'CONFIGURING') await keepScreenshot(deps, latest);
  await tellIfStuck(deps, latest);
}

/** What the container says of its phase. */
export function noteHeard(
  { write, now }: Pick<Deps, 'write' | 'now'>,
  imageId: string,
  { phase, progress, message }: InstallProgress,
): Promise<GoldenImage | null> {
  const note = { phase, share: progress, message: withPercent(message, progress) };
  return noteProgress({ write }, imageId, note, now());
}
