import type { Tx } from '../db/client.js';
import { type GoldenImage, liveClones, lockImage, makeCurrent, moveImage, newestReady } from '../db/images.js';
import { Conflict, type InvalidInput, NotFound } from '../domain/errors.js';
import type { Tell } from '../domain/events.js';
import type { ImageEvent } from '../domain/image.js';
import type { Prisma } from '../generated/prisma/client.js';
import type { ActionContext } from './context.js';
import { checked, uuidOf } from './input.js';

type Result = GoldenImage | NotFound | Conflict | InvalidInput;
type Change = (tx: Tx, image: GoldenImage, tell: Tell) => Promise<GoldenImage | Conflict>;

async function change(
  { write }: Pick<ActionContext, 'write'>,
  given: { id: string },
  apply: Change,
  makesRoom = false,
): Promise<Result> {
  const id = checked(() => uuidOf('id', given.id));
  if (id instanceof Error) return id;
  return write(
    async (tx, tell) => {
      const image = await lockImage(tx, id);
      return image === null ? new NotFound('golden image', given.id) : apply(tx, image, tell);
    },
    { makesRoom },
  );
}

/** The row is held and its status was looked at, so the move can't fail. */
async function move(
  tx: Tx,
  image: GoldenImage,
  ...how: [ImageEvent, Prisma.GoldenImageUpdateManyMutationInput?]
): Promise<GoldenImage> {
  const moved = await moveImage(tx, image, ...how);
  if (moved === undefined)
    throw new Error(`golden image ${image.id} is ${image.status}, which does not allow ${how[0]}`);
  return moved;
}

/** Says by hand that Windows is installed: the image is shut down, checked and sealed. The guest's own report does the same. */
export function markGoldenImageReady(deps: Pick<ActionContext, 'write'>, given: { id: string }): Promise<Result> {
  return change(deps, given, async (tx, image, tell) => {
    if (image.status === 'SEALING' || image.status === 'READY') return image;
    if (image.status !== 'INSTALLING') {
      return new Conflict(
        `golden image ${image.id} is ${image.status}`,
        'Only an image that is INSTALLING can be marked ready.',
      );
    }
    const moved = await move(tx, image, 'INSTALLED');
    tell({ kind: 'GOLDEN_IMAGE_SEALING', vmType: image.vmType, goldenImageId: image.id });
    return moved;
  });
}

/** Makes this image the one that new spares use. Spares of the one before it are replaced as new ones become ready. */
export function promoteGoldenImage(deps: Pick<ActionContext, 'write'>, given: { id: string }): Promise<Result> {
  return change(deps, given, async (tx, image, tell) => {
    if (image.status !== 'READY')
      return new Conflict(`golden image ${image.id} is ${image.status}`, 'Only a READY image can be promoted.');
    if (image.current) return image;
    await makeCurrent(tx, image);
    tell({
      kind: 'GOLDEN_IMAGE_PROMOTED',
      vmType: image.vmType,
      goldenImageId: image.id,
      data: { version: image.version },
    });
    return { ...image, current: true };
  });
}

/**
 * Takes the image out of use: no new clones, its unassigned spares go, VMs that are assigned stay until they are released.
 * Where it was the current one, the newest other READY version takes its place.
 */
export function retireGoldenImage(deps: Pick<ActionContext, 'write'>, given: { id: string }): Promise<Result> {
  return change(
    deps,
    given,
    async (tx, image, tell) => {
      if (image.status === 'RETIRED' || image.status === 'DELETED') return image;
      if (image.status !== 'READY') {
        return new Conflict(
          `golden image ${image.id} is ${image.status}`,
          'Only a READY image can be retired; one that is not ready yet can be deleted.',
        );
      }
      const moved = await move(tx, image, 'RETIRED', { current: false });
      const next = image.current ? await newestReady(tx, image.lineId) : null;
      tell({ kind: 'GOLDEN_IMAGE_RETIRED', vmType: image.vmType, goldenImageId: image.id });
      if (next) {
        await makeCurrent(tx, next);
        tell({
          kind: 'GOLDEN_IMAGE_PROMOTED',
          vmType: next.vmType,
          goldenImageId: next.id,
          data: { version: next.version },
        });
      }
      return moved;
    },
    true,
  );
}

/** Deletes a retired or failed image with its files, or calls an installation off. Refused while clones live on its disk. */
export function deleteGoldenImage(deps: Pick<ActionContext, 'write'>, given: { id: string }): Promise<Result> {
  return change(
    deps,
    given,
    async (tx, image, tell) => {
      if (image.status === 'DELETED') return image;
      const clones = await liveClones(tx, image.id);
      if (clones > 0) {
        return new Conflict(
          `golden image ${image.id} has ${clones} living clone${clones === 1 ? '' : 's'}, which need its disk`,
          'Retire it, release the VMs that use it, then delete it.',
        );
      }
      if (image.status === 'READY') {
        return new Conflict(
          `golden image ${image.id} is ${image.status}`,
          'Retire it first (retireGoldenImage), then delete it.',
        );
      }
      const moved = await move(tx, image, 'DELETED', { cleanedAt: null });
      await tx.installScreenshot.deleteMany({ where: { goldenImageId: image.id } });
      tell({ kind: 'GOLDEN_IMAGE_DELETED', vmType: image.vmType, goldenImageId: image.id });
      return moved;
    },
    true,
  );
}
