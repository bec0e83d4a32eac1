import { z } from 'zod';
import type { Tx } from '../../db/client.js';
import { type GoldenImage, liveClones, lockImage, makeCurrent, moveImage, newestReady } from '../../db/images.js';
import { Conflict, NotFound } from '../../domain/errors.js';
import type { Tell } from '../../domain/events.js';
import type { ImageEvent } from '../../domain/image.js';
import type { Prisma } from '../../generated/prisma/client.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { idOf } from '../fields.js';

type Change = (tx: Tx, image: GoldenImage, tell: Tell) => Promise<GoldenImage | Conflict>;

/** What moves an image on. `makesRoom`: it lets go of its files, or of what runs on them. */
function change<Name extends string>(
  name: Name,
  { description, apply, makesRoom = false }: { description: string; apply: Change; makesRoom?: boolean },
) {
  return defineAction({
    name,
    description,
    permission: 'image:manage',
    input: z.strictObject({ id: idOf('GoldenImage') }),
    about: 'Which golden image.',
    refusals: ['NOT_FOUND', 'CONFLICT'],
    run: ({ write }: Pick<ActionContext, 'write'>, { id }) =>
      write(
        async (tx, tell) => {
          const image = await lockImage(tx, id);
          return image === null ? new NotFound('golden image', id) : apply(tx, image, tell);
        },
        { makesRoom },
      ),
  });
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

export const markGoldenImageReady = change('markGoldenImageReady', {
  description:
    'Says by hand that Windows is installed: the image is shut down, checked and sealed. Not needed where the guest reports it itself.',
  apply: async (tx, image, tell) => {
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
  },
});

export const promoteGoldenImage = change('promoteGoldenImage', {
  description: 'Makes this image the one that new spares use. Older spares are replaced as new ones become ready.',
  apply: async (tx, image, tell) => {
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
  },
});

/** Where it was the current one, the newest other READY version takes its place. */
export const retireGoldenImage = change('retireGoldenImage', {
  description:
    'Takes the image out of use: no new clones, its spares go, VMs that are assigned stay until they are released.',
  makesRoom: true,
  apply: async (tx, image, tell) => {
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
});

export const deleteGoldenImage = change('deleteGoldenImage', {
  description:
    'Deletes a retired or failed image with its files, or calls an installation off. Refused while clones of it live.',
  makesRoom: true,
  apply: async (tx, image, tell) => {
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
});
