import { type GoldenImage, lockImage } from '../db/images.js';
import { Refusal } from '../domain/errors.js';
import type { Deps } from './deps.js';

const EVERY_MS = 30_000;
/** Until QEMU shows something there is nothing to keep; a short installation would be over before the next. */
const RETRY_MS = 5_000;
/** A screen of 1920 by 1080 that is all noise has some 8 MB; one of Windows some 100 KB. */
const MAX_BYTES = 16 * 2 ** 20;

/** Keeps what an installation shows on its screen, every 30 s, in place of the one before. That it can't be had is no failure of it. */
export async function keepScreenshot(
  { write, provisioner, memory, log, now }: Deps,
  image: GoldenImage,
): Promise<void> {
  const { id } = image;
  const times = memory.screenshotsAt; // one that can't be read is not asked for every second
  const at = now().getTime();
  for (const [key, time] of times) if (at >= time) times.delete(key);
  if (times.has(id)) return;
  times.set(id, at + RETRY_MS);
  try {
    const shot = await provisioner.screenshot({ kind: 'golden', id });
    if (shot instanceof Refusal) return log.debug({ imageId: id, why: shot.message }, 'no screenshot');
    const png = Uint8Array.from(shot.png);
    if (png.byteLength > MAX_BYTES) return log.debug({ imageId: id, bytes: png.byteLength }, 'screenshot is too large');
    await write(async (tx) => {
      if ((await lockImage(tx, id))?.status !== 'INSTALLING') return;
      const kept = { takenAt: shot.takenAt, png };
      await tx.installScreenshot.upsert({
        where: { goldenImageId: id },
        create: { goldenImageId: id, ...kept },
        update: kept,
      });
    });
    times.set(id, at + EVERY_MS);
  } catch (err) {
    log.debug({ err, imageId: id }, 'no screenshot');
  }
}
