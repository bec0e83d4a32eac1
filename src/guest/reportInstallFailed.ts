import { lockImage, moveImage } from '../db/images.js';
import type { Write } from '../db/write.js';

/** The guest of an installation says that install.bat is not done and never will be: the image is FAILED, and says where and why. */
export function reportInstallFailed(
  { write }: { write: Write },
  imageId: string,
  what: { step?: string | undefined; reason?: string | undefined },
): Promise<void> {
  return write(
    async (tx, tell) => {
      const image = await lockImage(tx, imageId);
      // One that says first that all is installed and then that it is not is judged by its disk.
      if (image === null || (image.status !== 'REQUESTED' && image.status !== 'INSTALLING')) return;
      const at = what.step === undefined ? '' : ` at step ${JSON.stringify(what.step)}`;
      const reason = `install.bat failed${at}: ${what.reason ?? 'it did not say why'}`;
      if ((await moveImage(tx, image, 'BROKE', { reason, current: false })) === undefined) return;
      tell({ kind: 'GOLDEN_IMAGE_FAILED', vmType: image.vmType, goldenImageId: imageId, reason });
    },
    { makesRoom: true },
  );
}
