import { type GoldenImage, lockImage } from '../db/images.js';
import { urlOf } from '../domain/endpoints.js';
import type { Deps } from './deps.js';
import { endOfLogs } from './endOfLogs.js';

/**
 * Says of an installation that has not moved for long where it stands and what to look at: once for each standstill. Progress
 * that comes of the time alone is no move. Nothing is ended: it may be a slow download, and the time limit ends the rest.
 */
export async function tellIfStuck(deps: Deps, image: GoldenImage): Promise<void> {
  const { write, now, log, installStuckMs, ledSince } = deps;
  if (image.status !== 'INSTALLING' || image.stuck !== null) return;
  // Steps that were told while no server listened were missed.
  const since = Math.max(image.progressedAt?.getTime() ?? 0, image.changedAt.getTime(), ledSince.getTime());
  const stillMs = now().getTime() - since;
  if (stillMs <= installStuckMs) return;
  const minutes = Math.max(1, Math.round(stillMs / 60_000));
  const where = `nothing has moved for ${minutes} min in phase ${image.phase ?? 'SETUP'} (${image.message ?? 'nothing was heard'})`;
  const stuck = `${where}: ${whatToDo(deps, image)}.${await endOfLogs(deps, { kind: 'golden', id: image.id })}`;
  const told = await write(async (tx, tell) => {
    const latest = await lockImage(tx, image.id);
    const moved = latest?.progressedAt?.getTime() !== image.progressedAt?.getTime();
    if (latest?.status !== 'INSTALLING' || latest.stuck !== null || moved) return false;
    await tx.goldenImage.update({ where: { id: image.id }, data: { stuck } });
    const { vmType, phase, id: goldenImageId } = latest;
    tell({
      kind: 'GOLDEN_IMAGE_STUCK',
      vmType,
      goldenImageId,
      reason: stuck,
      data: { phase, stillSeconds: Math.round(stillMs / 1000) },
    });
    return true;
  });
  if (told) log.warn({ imageId: image.id, phase: image.phase, stillMs }, 'installation stands still');
}

function whatToDo({ provisioner }: Deps, { endpoint }: GoldenImage): string {
  const there = provisioner.endpoints(endpoint)?.screen;
  const screen = there === undefined ? '' : `its screen at ${urlOf(there)}, or `;
  return `look at ${screen}its last screenshot`;
}
