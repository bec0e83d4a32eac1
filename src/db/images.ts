import { type ImageEvent, imageTransition } from '../domain/image.js';
import type { GoldenImage, Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { lockRow } from './lockRow.js';
import { AFRESH } from './pools.js';

export type { GoldenImage };

export function getImage(db: Db | Tx, id: string): Promise<GoldenImage | null> {
  return db.goldenImage.findUnique({ where: { id } });
}

/** The image with its row held until the transaction ends. */
export function lockImage(tx: Tx, id: string): Promise<GoldenImage | null> {
  return lockRow(tx, 'GoldenImage', id);
}

/** Moves an image on, or answers undefined: another writer got there first, or its status does not allow the event. */
export async function moveImage(
  tx: Tx,
  image: Pick<GoldenImage, 'id' | 'status' | 'generation'>,
  event: ImageEvent,
  also: Prisma.GoldenImageUpdateManyMutationInput = {},
): Promise<GoldenImage | undefined> {
  const status = imageTransition(image.status, event);
  if (status === undefined) return undefined;
  const [moved] = await tx.goldenImage.updateManyAndReturn({
    where: { id: image.id, generation: image.generation },
    data: {
      stuck: null,
      ...(event === 'INSTALLED' && { installedAt: tx.clock.now() }),
      ...also,
      status,
      changedAt: tx.clock.now(),
      generation: { increment: 1 },
    },
  });
  return moved;
}

/** Makes this READY image the one that new spares of its line use. What the one before did to the line's pools is over with it. */
export async function makeCurrent(tx: Tx, image: Pick<GoldenImage, 'id' | 'lineId'>): Promise<void> {
  // One statement would meet the unique index in the middle of itself.
  await tx.goldenImage.updateMany({
    where: { lineId: image.lineId, current: true, id: { not: image.id } },
    data: { current: false },
  });
  await tx.goldenImage.update({ where: { id: image.id }, data: { current: true } });
  await tx.pool.updateMany({ where: { lineId: image.lineId }, data: AFRESH });
}

/** The line's READY image with the highest version, current or not. */
export function newestReady(tx: Tx, lineId: string): Promise<GoldenImage | null> {
  return tx.goldenImage.findFirst({ where: { lineId, status: 'READY' }, orderBy: { version: 'desc' } });
}

export function currentImage(db: Db | Tx, lineId: string): Promise<GoldenImage | null> {
  return db.goldenImage.findFirst({ where: { lineId, current: true } });
}

/** Clones of this image that may still own a disk. */
export function liveClones(db: Db | Tx, imageId: string): Promise<number> {
  return db.vm.count({ where: { goldenImageId: imageId, cleanedAt: null } });
}
