/**
 * The Windows versions that the guest image can install and vapiorc can clone, with the least that each needs.
 * From the image's own table (release 6.05). 95, 98 and ME keep their system on a second disk and can't be cloned.
 */
interface VmTypeFacts {
  minRamMiB: number;
  minDiskGiB: number;
}

const modern: VmTypeFacts = { minRamMiB: 2048, minDiskGiB: 32 };
const ten: VmTypeFacts = { minRamMiB: 2048, minDiskGiB: 16 };
const vista: VmTypeFacts = { minRamMiB: 1024, minDiskGiB: 16 };
const xp: VmTypeFacts = { minRamMiB: 512, minDiskGiB: 2 };

const table: Readonly<Record<string, VmTypeFacts>> = {
  11: modern,
  '11e': modern,
  '11l': modern,
  '11i': modern,
  10: ten,
  '10e': ten,
  '10l': ten,
  '10i': ten,
  8: ten,
  '8e': ten,
  2025: modern,
  2022: modern,
  2019: modern,
  2016: modern,
  hv: modern,
  2012: { minRamMiB: 1024, minDiskGiB: 32 },
  2008: { minRamMiB: 512, minDiskGiB: 10 },
  2003: { minRamMiB: 512, minDiskGiB: 4 },
  7: ten,
  '7u': ten,
  '7e': ten,
  '7x86': vista,
  '7ux86': vista,
  '7ex86': vista,
  vista,
  vu: vista,
  ve: vista,
  vistax86: vista,
  vux86: vista,
  vex86: vista,
  xp,
  xp64: xp,
  '2k': xp,
  core11: { minRamMiB: 2048, minDiskGiB: 4 },
  tiny11: { minRamMiB: 2048, minDiskGiB: 8 },
  tiny10: { minRamMiB: 2048, minDiskGiB: 10 },
  reactos: xp,
};

export const VM_TYPES: readonly string[] = Object.keys(table);

/** The prototype's clients say "win11" as well as "11". */
export function normalizeVmType(given: string): string {
  return given
    .trim()
    .toLowerCase()
    .replace(/^win(dows)?[\s-]*(?=\d)/, '');
}

/** The least that this vmType needs, or undefined when the guest image does not know it. */
export function vmTypeFacts(vmType: string): VmTypeFacts | undefined {
  return Object.hasOwn(table, vmType) ? table[vmType] : undefined;
}
