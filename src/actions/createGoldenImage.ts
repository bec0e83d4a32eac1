import { randomUUID } from 'node:crypto';
import type { GoldenImage } from '../db/images.js';
import { isUniqueViolation } from '../db/uniqueViolation.js';
import { type CapacityExhausted, type InvalidInput, NotFound, type Unavailable } from '../domain/errors.js';
import { madeBy } from '../domain/principal.js';
import { vmTypeFacts } from '../domain/vmTypes.js';
import type { ActionContext } from './context.js';
import { ensurePool } from './ensurePool.js';
import { checked, isoUrlOf, languageOf, oemBundleOf, textOf, vmTypeOf, wholeNumberOf } from './input.js';

export interface CreateGoldenImageInput {
  vmType: string;
  name?: string | undefined;
  cpuCores?: number | undefined;
  ramMiB?: number | undefined;
  diskGiB?: number | undefined;
  /** As the guest image understands it: "en", "German", "fr-FR"; see languages.ts. */
  language?: string | undefined;
  /** Own installation medium, http or https. */
  isoUrl?: string | undefined;
  /** The user's own files for the installation, by the bundle's name. */
  oemBundle?: string | undefined;
}

/** Asks for a new golden image: the next version of its vmType. Windows is installed by the reconciler, in about half an hour. */
export async function createGoldenImage(
  deps: ActionContext,
  given: CreateGoldenImageInput,
): Promise<GoldenImage | InvalidInput | NotFound | Unavailable | CapacityExhausted> {
  const input = checked(() => {
    const vmType = vmTypeOf(given.vmType);
    const least = vmTypeFacts(vmType);
    return {
      vmType,
      name: textOf('name', given.name ?? `Windows ${vmType}`, 100),
      cpuCores: wholeNumberOf('cpuCores', given.cpuCores ?? deps.defaults.cpuCores, 1, 256),
      ramMiB: wholeNumberOf('ramMiB', given.ramMiB ?? deps.defaults.ramMiB, least?.minRamMiB ?? 512, 1_048_576),
      diskGiB: wholeNumberOf('diskGiB', given.diskGiB ?? deps.defaults.diskGiB, least?.minDiskGiB ?? 1, 16_384),
      language: languageOf(given.language ?? 'en'),
      isoUrl: given.isoUrl === undefined ? null : isoUrlOf(given.isoUrl),
      oemBundle: given.oemBundle === undefined ? null : oemBundleOf('oemBundle', given.oemBundle),
    };
  });
  if (input instanceof Error) return input;
  if (input.oemBundle !== null && (await deps.oemBundles?.get(input.oemBundle)) === undefined) {
    return new NotFound('OEM bundle', input.oemBundle);
  }
  const refusal =
    (input.isoUrl === null ? undefined : await deps.isoHostRefusal(input.isoUrl)) ??
    (await deps.admit({ kind: 'install', ...input }));
  if (refusal) return refusal;
  for (;;) {
    try {
      return await deps.write(async (tx, tell) => {
        const { lineId } = await ensurePool(tx, deps, input.vmType);
        const { _max } = await tx.goldenImage.aggregate({ where: { lineId }, _max: { version: true } });
        const image = await tx.goldenImage.create({
          data: { id: randomUUID(), lineId, version: (_max.version ?? 0) + 1, ...input, ...madeBy(deps.by) },
        });
        const { id: goldenImageId, vmType, version } = image;
        tell({ kind: 'GOLDEN_IMAGE_REQUESTED', vmType, goldenImageId, data: { version } });
        return image;
      });
    } catch (err) {
      // Somebody else took the same version number; the next one is free.
      if (!isUniqueViolation(err)) throw err;
    }
  }
}
