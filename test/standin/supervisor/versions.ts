/** One row of the table of VERSION values. */
export interface WindowsVersion {
  /** As the status messages call it. */
  readonly title: string;
  /** Name of the medium without language and `.iso`. */
  readonly medium: string;
  /** Boots through a BIOS instead of UEFI: no `windows.vars`, no `windows.rom`. */
  readonly legacy: boolean;
  readonly minRamMib: number;
  readonly minDiskGib: number;
}

type Row = [names: string, title: string, medium: string, minRamMib: number, minDiskGib: number];

const uefi: Row[] = [
  ['11 11p win11 windows11 pro11 win11pro', 'Windows 11', 'win11x64', 2048, 32],
  ['11e win11e', 'Windows 11 Enterprise', 'win11x64-enterprise-eval', 2048, 32],
  ['11l win11l', 'Windows 11 LTSC', 'win11x64-enterprise-ltsc-eval', 2048, 32],
  ['11i win11i', 'Windows 11 IoT', 'win11x64-enterprise-iot-eval', 2048, 32],
  ['10 10p win10 windows10 pro10 win10pro', 'Windows 10', 'win10x64', 2048, 16],
  ['10e win10e', 'Windows 10 Enterprise', 'win10x64-enterprise-eval', 2048, 16],
  ['10l win10l', 'Windows 10 LTSC', 'win10x64-enterprise-ltsc-eval', 2048, 16],
  ['10i win10i', 'Windows 10 IoT', 'win10x64-enterprise-iot-eval', 2048, 16],
  ['8 81 8p win8 win81 windows8', 'Windows 8.1', 'win81x64', 2048, 16],
  ['8e win8e win81e', 'Windows 8.1 Enterprise', 'win81x64-enterprise-eval', 2048, 16],
  ['2025 win2025 windows2025', 'Windows Server 2025', 'win2025-eval', 2048, 32],
  ['2022 win2022 windows2022', 'Windows Server 2022', 'win2022-eval', 2048, 32],
  ['2019 win2019 windows2019', 'Windows Server 2019', 'win2019-eval', 2048, 32],
  ['2016 win2016 windows2016', 'Windows Server 2016', 'win2016-eval', 2048, 32],
  ['2012 2012r2 win2012 windows2012', 'Windows Server 2012', 'win2012r2-eval', 1024, 32],
  ['hv hyperv', 'Hyper-V Server 2019', 'win2019-hv', 2048, 32],
  ['core11', 'Tiny 11 Core', 'core11', 2048, 4],
  ['tiny11', 'Tiny 11', 'tiny11', 2048, 8],
  ['tiny10', 'Tiny 10', 'tiny10', 2048, 10],
];

const bios: Row[] = [
  ['7 win7 windows7', 'Windows 7', 'win7x64', 2048, 16],
  ['7u win7u', 'Windows 7 Ultimate', 'win7x64-ultimate', 2048, 16],
  ['7e win7e', 'Windows 7 Enterprise', 'win7x64-enterprise', 2048, 16],
  ['7x86 win7x86', 'Windows 7', 'win7x86', 1024, 16],
  ['vista winvista windowsvista', 'Windows Vista', 'winvistax64', 1024, 16],
  ['2008 2008r2 win2008 windows2008', 'Windows Server 2008', 'win2008r2', 512, 10],
  ['xp xp32 winxp windowsxp', 'Windows XP', 'winxpx86', 130, 2],
  ['xp64', 'Windows XP', 'winxpx64', 256, 2],
  ['2003 2003r2 win2003', 'Windows Server 2003', 'win2003r2', 512, 4],
  ['2k 2000 win2k', 'Windows 2000', 'win2kx86', 130, 2],
  ['reactos', 'ReactOS', 'reactos', 130, 2],
];

const table = new Map<string, WindowsVersion>();
for (const [rows, legacy] of [
  [uefi, false],
  [bios, true],
] as const) {
  for (const [names, title, medium, minRamMib, minDiskGib] of rows) {
    for (const name of names.split(' ')) table.set(name, { title, medium, legacy, minRamMib, minDiskGib });
  }
}

/** The row of a VERSION; undefined: the image would not know it either. Not all of its many spellings are here. */
export function windowsVersion(version: string): WindowsVersion | undefined {
  const name =
    version
      .trim()
      .replace(/^"|"$/g, '')
      .toLowerCase()
      .replace(/[\s_-]/g, '') || '11';
  if (!name.startsWith('http')) return table.get(name);
  const medium = (version.split(/[?#]/)[0] ?? '').split('/').pop() || 'download';
  return {
    title: 'downloaded ISO',
    medium: medium.replace(/\.(iso|esd|zip|7z)$/i, ''),
    legacy: false,
    minRamMib: 130,
    minDiskGib: 1,
  };
}
