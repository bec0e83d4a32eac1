import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Tx } from '../../db/client.js';
import { holdLock } from '../../db/locks.js';
import { isUniqueViolation } from '../../db/uniqueViolation.js';
import { Conflict, InvalidInput, NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { DEFAULT_VM_TYPE, mayBear } from '../../domain/names.js';
import { madeBy } from '../../domain/principal.js';
import { prose } from '../../domain/prose.js';
import { vmTypeFacts } from '../../domain/vmTypes.js';
import type { ImageLine } from '../../generated/prisma/client.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import {
  line as aLine,
  aName,
  vmType as aVmType,
  bundleName,
  checkedText,
  cpuCores,
  described,
  diskGiB,
  ramMiB,
  VM_TYPE,
  VM_TYPE_DESCRIPTION,
} from '../fields.js';
import { isoUrlOf, LONGEST_URL, languageOf } from '../input.js';
import { parseInput } from '../parseInput.js';
import { ensureLine, ensurePool } from '../pool/ensurePool.js';

/** Windows is installed by the reconciler, in about half an hour. */
export const createGoldenImage = defineAction({
  name: 'createGoldenImage',
  description:
    'Asks for a new golden image, the next version of its line. Windows is then installed, in about half an hour: see goldenImageProgress.',
  permission: 'image:manage',
  input: z.strictObject({
    vmType: aVmType().optional().describe(`${VM_TYPE_DESCRIPTION} Left out: that of the line, or \`11\`.`),
    line: aName()
      .optional()
      .meta(
        described`Name of the line that it is the next version of; a new name makes a line. Left out: that of the ${VM_TYPE}, which bears its name.`,
      ),
    name: aLine(100).optional().meta(described`Name for people; made from the ${VM_TYPE} when it is not given.`),
    cpuCores: cpuCores().optional().describe('Virtual processors.'),
    ramMiB: ramMiB().optional().describe('Memory that Windows sees, in MiB.'),
    diskGiB: diskGiB()
      .optional()
      .describe('Size of the disk as Windows sees it, in GiB. It grows as it is written to.'),
    language: checkedText(languageOf)
      .optional()
      .describe('Language of Windows, by name or code as the guest image knows it: `en`, `German`, `fr-FR`.'),
    isoUrl: checkedText(isoUrlOf, LONGEST_URL)
      .optional()
      .describe(
        'Own installation medium, an http or https URL. Not of a loopback or link-local address, nor in the network of the VMs, unless VAPIORC_ISO_HOSTS allows it.',
      ),
    oemBundle: bundleName()
      .optional()
      .describe('Name of a bundle of your own files; its `*.bat`, `*.cmd`, `*.reg` and `*.msi` are run in Windows.'),
  }),
  about: 'What to install. What is left out is taken from the configuration.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'CAPACITY_EXHAUSTED', 'UNAVAILABLE'],
  async run(context: ActionContext, given) {
    const { read, defaults } = context;
    const known =
      given.line === undefined ? null : await read((db) => db.imageLine.findUnique({ where: { name: given.line } }));
    const vmType = given.vmType ?? known?.vmType ?? DEFAULT_VM_TYPE;
    const sizes = parseInput(sizesFor(vmType), {
      cpuCores: given.cpuCores ?? defaults.cpuCores,
      ramMiB: given.ramMiB ?? defaults.ramMiB,
      diskGiB: given.diskGiB ?? defaults.diskGiB,
    });
    if (sizes instanceof Error) return sizes;
    const { line: lineName = vmType, name = `Windows ${vmType}` } = given;
    const { language = 'en', isoUrl = null, oemBundle = null } = given;
    const input = { vmType, name, language, isoUrl, oemBundle, ...sizes };
    if (input.oemBundle !== null && (await context.oemBundles?.get(input.oemBundle)) === undefined) {
      return new NotFound('OEM bundle', input.oemBundle);
    }
    const refusal =
      (input.isoUrl === null ? undefined : await context.isoHostRefusal(input.isoUrl)) ??
      (await context.admit({ kind: 'install', ...input }));
    if (refusal) return refusal;
    for (;;) {
      try {
        return await context.write(async (tx, tell) => {
          const line = await lineFor(tx, context, lineName, input.vmType);
          if (line instanceof Error) return line;
          const { id: lineId } = line;
          const { _max } = await tx.goldenImage.aggregate({ where: { lineId }, _max: { version: true } });
          const made = await tx.goldenImage.create({
            data: { id: randomUUID(), lineId, version: (_max.version ?? 0) + 1, ...input, ...madeBy(context.by) },
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
  },
});

/** The least that this Windows needs. */
const sizesFor = (vmType: string) => {
  const least = vmTypeFacts(vmType);
  return z.object({ cpuCores: cpuCores(), ramMiB: ramMiB(least?.minRamMiB), diskGiB: diskGiB(least?.minDiskGiB) });
};

/** The line of this name and vmType, made when it is not there; with the line of a vmType goes its default pool. */
async function lineFor(
  tx: Tx,
  deps: ActionContext,
  name: string,
  vmType: string,
): Promise<ImageLine | InvalidInput | Conflict> {
  if (!mayBear(name, vmType))
    return new InvalidInput('line', name, prose`It is the name of a ${VM_TYPE}, which ${vmType} is not: give another.`);
  const known = await tx.imageLine.findUnique({ where: { name } });
  if (known === null) {
    await holdLock(tx, 'names');
    if ((await tx.imageLine.count()) >= LIMITS.imageLines.value)
      return new Conflict(
        `there are ${LIMITS.imageLines.value} image lines, as many as there may be`,
        'Use one of them.',
      );
  }
  const line = known ?? (await ensureLine(tx, name, vmType));
  if (line.vmType !== vmType)
    return new InvalidInput(
      'line',
      name,
      prose`It is of ${VM_TYPE} ${line.vmType}: leave ${VM_TYPE} out, or give another line.`,
    );
  if (name === vmType) await ensurePool(tx, deps, name, line);
  return line;
}
