import { randomUUID } from 'node:crypto';
import type { Tx } from '../db/client.js';
import type { GoldenImage } from '../db/images.js';
import { isUniqueViolation } from '../db/uniqueViolation.js';
import { type CapacityExhausted, Conflict, InvalidInput, NotFound, type Unavailable } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { DEFAULT_VM_TYPE, mayBear } from '../domain/names.js';
import { madeBy } from '../domain/principal.js';
import { vmTypeFacts } from '../domain/vmTypes.js';
import type { ImageLine } from '../generated/prisma/client.js';
import type { ActionContext } from './context.js';
import { ensureLine, ensurePool } from './ensurePool.js';
import { checked, isoUrlOf, languageOf, nameOf, oemBundleOf, textOf, vmTypeOf, wholeNumberOf } from './input.js';

export interface CreateGoldenImageInput {
  /** Left out: that of the line. */
  vmType?: string | undefined;
  /** Left out: that of the vmType's name. Made when it is not there. */
  line?: string | undefined;
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

/** Asks for a new golden image: the next version of its line. Windows is installed by the reconciler, in about half an hour. */
export async function createGoldenImage(
  deps: ActionContext,
  given: CreateGoldenImageInput,
): Promise<GoldenImage | InvalidInput | NotFound | Conflict | Unavailable | CapacityExhausted> {
  const known = given.line === undefined ? null : await deps.db.imageLine.findUnique({ where: { name: given.line } });
  const input = checked(() => {
    const vmType = vmTypeOf(given.vmType ?? known?.vmType ?? DEFAULT_VM_TYPE);
    const least = vmTypeFacts(vmType);
    return {
      vmType,
      line: given.line === undefined ? vmType : nameOf('line', given.line),
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
  const { line: lineName, ...image } = input;
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
        const line = await lineFor(tx, deps, lineName, input.vmType);
        if (line instanceof Error) return line;
        const { id: lineId } = line;
        const { _max } = await tx.goldenImage.aggregate({ where: { lineId }, _max: { version: true } });
        const made = await tx.goldenImage.create({
          data: { id: randomUUID(), lineId, version: (_max.version ?? 0) + 1, ...image, ...madeBy(deps.by) },
        });
        const { id: goldenImageId, vmType, version } = made;
        tell({ kind: 'GOLDEN_IMAGE_REQUESTED', vmType, goldenImageId, data: { version } });
        return made;
      });
    } catch (err) {
      // Somebody else took the same version number; the next one is free.
      if (!isUniqueViolation(err)) throw err;
    }
  }
}

/** The line of this name and vmType, made when it is not there; with the line of a vmType goes its default pool. */
async function lineFor(
  tx: Tx,
  deps: ActionContext,
  name: string,
  vmType: string,
): Promise<ImageLine | InvalidInput | Conflict> {
  if (!mayBear(name, vmType))
    return new InvalidInput('line', name, `It is the name of a vmType, which ${vmType} is not: give another.`);
  const known = await tx.imageLine.findUnique({ where: { name } });
  if (known === null && (await tx.imageLine.count()) >= LIMITS.imageLines.value)
    return new Conflict(
      `there are ${LIMITS.imageLines.value} image lines, as many as there may be`,
      'Use one of them.',
    );
  const line = known ?? (await ensureLine(tx, name, vmType));
  if (line.vmType !== vmType)
    return new InvalidInput('line', name, `It is of vmType ${line.vmType}: leave vmType out, or give another line.`);
  if (name === vmType) await ensurePool(tx, deps, name, line);
  return line;
}
