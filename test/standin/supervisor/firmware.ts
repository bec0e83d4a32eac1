import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Settings } from './settings.js';
import type { Storage } from './storage.js';

const entryName = Buffer.from('Windows Boot Manager', 'utf16le');
const entryOffset = 4096;
const varsBytes = 540672;
const romBytes = 3653632;

export interface Firmware {
  /** Undefined for BIOS machines. */
  readonly varsPath: string | undefined;
}

/** Makes the UEFI code and variables where they are missing. New variables hold no boot entry. */
export function prepareFirmware(settings: Settings, storage: Storage): Firmware {
  const mode = storage.read('windows.mode') || settings.text('BOOT_MODE', 'windows');
  if (mode.endsWith('_legacy')) return { varsPath: undefined };
  const name = mode.endsWith('_secure') ? 'windows_secure' : 'windows';
  if (settings.isOn('CLEAR', false)) for (const end of ['rom', 'vars', 'tpm']) storage.remove(`${name}.${end}`);
  if (!storage.sizeOf(`${name}.rom`)) storage.write(`${name}.rom`, marked('STANDIN ROM', romBytes));
  if (!storage.sizeOf(`${name}.vars`)) storage.write(`${name}.vars`, marked('STANDIN VARS', varsBytes));
  return { varsPath: storage.path(`${name}.vars`) };
}

function marked(mark: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  content.write(mark);
  return content;
}

export function hasBootEntry(varsPath: string): boolean {
  return readFileSync(varsPath).includes(entryName);
}

/** What Windows Setup does at its first reboot. */
export function writeBootEntry(varsPath: string): void {
  const fd = openSync(varsPath, 'r+');
  writeSync(fd, entryName, 0, entryName.length, entryOffset);
  closeSync(fd);
}

/** The firmware's words for a start from `device`. */
export function bootLines(device: 'dvd' | 'disk', firmware: Firmware): string[] {
  if (!firmware.varsPath) return [device === 'dvd' ? 'Booting from DVD/CD...' : 'Booting from Hard Disk...'];
  const disk = 'HD(1,GPT,5E1F0F3A-0C4B-4B6E-9F62-2D7A1E8C4A10,0x800,0x32000)/\\EFI\\Microsoft\\Boot\\bootmgfw.efi';
  const entry =
    device === 'dvd'
      ? 'Boot0002 "UEFI QEMU DVD-ROM QM00013 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)'
      : hasBootEntry(firmware.varsPath)
        ? `Boot0004 "Windows Boot Manager" from ${disk}`
        : 'Boot0001 "UEFI QEMU QEMU HARDDISK " from PciRoot(0x0)/Pci(0xA,0x0)/Scsi(0x0,0x0)';
  return [`BdsDxe: loading ${entry}`, `BdsDxe: starting ${entry}`];
}
