import { type GoldenImage, lockImage } from '../db/images.js';
import type { Deps } from './deps.js';

/**
 * Looks whether clones can be made of a READY image, and notes why not on it, told once; null: they can, again maybe. It stays READY: its
 * clones live on, and what was taken away may come back.
 */
export async function noteGoldenProblem(
  { write, provisioner, log }: Pick<Deps, 'write' | 'provisioner' | 'log'>,
  image: Pick<GoldenImage, 'id' | 'vmType'>,
): Promise<string | null> {
  const problem = (await provisioner.goldenProblem(image.id)) ?? null;
  const noted = await write(async (tx, tell) => {
    const latest = await lockImage(tx, image.id);
    if (latest?.status !== 'READY' || latest.problem === problem) return false;
    await tx.goldenImage.update({ where: { id: image.id }, data: { problem } });
    const subject = { vmType: image.vmType, goldenImageId: image.id } as const;
    tell(
      problem === null
        ? { kind: 'GOLDEN_IMAGE_MENDED', ...subject }
        : { kind: 'GOLDEN_IMAGE_DAMAGED', ...subject, reason: problem },
    );
    return true;
  });
  if (noted && problem !== null) log.error({ imageId: image.id, problem }, 'golden image cannot be cloned');
  else if (noted) log.info({ imageId: image.id }, 'golden image can be cloned again');
  return problem;
}
