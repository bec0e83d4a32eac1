import { type GoldenImage, lockImage } from '../db/images.js';
import { installDurations } from '../db/installDurations.js';
import type { Write } from '../db/write.js';
import { advance, type InstallNote, oneLine } from '../domain/installProgress.js';
import type { GuestReport } from './reportGuest.js';

const LONGEST_STEP = 200;

/** What install.bat says of itself. Hostile. */
export interface InstallStep {
  step: string;
  /** Steps that are done, and how many there are. */
  done: number;
  of: number;
}

/** Writes and tells what is new of an installation; the same again is not news. Answers the row as it is then. */
export function noteProgress(
  { write }: { write: Write },
  imageId: string,
  note: InstallNote,
  at?: Date,
): Promise<GoldenImage | null> {
  return write(async (tx, tell) => {
    const image = await lockImage(tx, imageId);
    if (image === null || (image.status !== 'INSTALLING' && image.status !== 'REQUESTED')) return image;
    const { lineId, vmType } = image;
    const now = at ?? tx.clock.now();
    const earlier = note.share === null ? (await installDurations(tx, [lineId])).get(lineId) : undefined;
    const { moved, ...shown } = advance(image, note, now, earlier?.installMs);
    if (!moved && shown.progress === image.progress) return image;
    tell({ kind: 'GOLDEN_IMAGE_PROGRESS', vmType, goldenImageId: imageId, data: shown });
    return tx.goldenImage.update({
      where: { id: imageId },
      data: { ...shown, ...(moved && { progressedAt: now, stuck: null }) },
    });
  });
}

/** One of install.bat's steps: Windows is up, and from now on it is the guest that says how far the installation is. */
export async function noteInstallStep(
  deps: { write: Write },
  imageId: string,
  { step, done, of }: InstallStep,
): Promise<GuestReport> {
  const share = Number.isFinite(done) && of > 0 ? Math.min(1, Math.max(0, done / of)) : null;
  const message = oneLine(step, LONGEST_STEP) || 'Windows is being configured';
  const image = await noteProgress(deps, imageId, { phase: 'CONFIGURING', share, message });
  if (image === null) return 'unknown';
  if (image.status === 'INSTALLING' || image.status === 'REQUESTED') return 'noted';
  return image.status === 'SEALING' || image.status === 'READY' ? 'nothing new' : 'gone';
}
