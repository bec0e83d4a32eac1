import { type GoldenImage, lockImage } from '../db/images.js';
import { novncUrl } from '../domain/links.js';
import type { Deps } from './deps.js';
import { endOfLogs } from './endOfLogs.js';

/**
 * Says of an installation that has not moved for long where it stands and what to look at: once for each standstill. Progress
 * that comes of the time alone is no move. Nothing is ended: it may be a slow download, and the time limit ends the rest.
 */
export async function tellIfStuck(deps: Deps, image: GoldenImage): Promise<void> {
  const { write, now, log, installStuckMs, ledSince, publicHost } = deps;
  if (image.status !== 'INSTALLING' || image.stuck !== null) return;
  // Steps that were told while no server listened were missed.
  const since = Math.max(image.progressedAt?.getTime() ?? 0, image.changedAt.getTime(), ledSince.getTime());
  const stillMs = now().getTime() - since;
  if (stillMs <= installStuckMs) return;
  const minutes = Math.max(1, Math.round(stillMs / 60_000));
  const where = `nothing has moved for ${minutes} min in phase ${image.phase ?? 'SETUP'} (${image.message ?? 'nothing was heard'})`;
  const stuck = `${where}: ${whatToDo(image, publicHost)}.${await endOfLogs(deps, { kind: 'golden', id: image.id })}`;
  const told = await write(async (tx, tell) => {
    const latest = await lockImage(tx, image.id);
    const moved = latest?.progressedAt?.getTime() !== image.progressedAt?.getTime();
    if (latest?.status !== 'INSTALLING' || latest.stuck !== null || moved) return false;
    await tx.goldenImage.update({ where: { id: image.id }, data: { stuck } });
    const { vmType, phase, id: goldenImageId } = latest;
    tell({
      kind: 'GOLDEN_IMAGE_STUCK',
      actor: 'reconciler',
      vmType,
      goldenImageId,
      reason: stuck,
      data: { phase, stillSeconds: Math.round(stillMs / 1000) },
    });
    return true;
  });
  if (told) log.warn({ imageId: image.id, phase: image.phase, stillMs }, 'installation stands still');
}

function whatToDo({ port }: GoldenImage, publicHost: string): string {
  const screen = port === null ? '' : `its screen at ${novncUrl(publicHost, port)}, or `;
  return `look at ${screen}its last screenshot`;
}
