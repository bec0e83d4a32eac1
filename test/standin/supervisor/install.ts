import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Decision, Medium } from './decision.js';
import { Failure } from './failure.js';
import { log } from './log.js';
import type { Settings } from './settings.js';
import { diskBytes, ramMib } from './sizes.js';
import type { Storage } from './storage.js';
import type { WindowsVersion } from './versions.js';

type Tell = (text: string, progress?: string) => void;

interface Order {
  readonly settings: Settings;
  readonly storage: Storage;
  readonly medium: Medium;
  readonly version: WindowsVersion | undefined;
  readonly tell: Tell;
  /** Puts the medium in place: a marked file, or the tiny guest's boot image. */
  readonly writeMedium: (path: string) => void;
}

/** Everything between "install" and the first boot from the medium. Takes STANDIN_INSTALL_MS. */
export async function prepareInstallation(order: Order, decision: Decision & { do: 'install' }): Promise<void> {
  const { settings, storage, medium, version, tell } = order;
  if (decision.keepBackupAs) {
    log.info('Detected that the version was changed, but a backup of your previous installation will be saved...');
    storage.backUpState(decision.keepBackupAs);
  } else {
    storage.deleteState();
  }
  if (!version)
    throw new Failure(68, `Invalid VERSION specified, value "${settings.text('VERSION')}" is not recognized!`);
  checkMinimum(settings, version);

  const title = medium.customPath ? 'local ISO' : version.title;
  const totalMs = settings.number('STANDIN_INSTALL_MS', 1000);
  const step = (text: string, share: number) => count(tell, text, totalMs * share);

  if (medium.customPath) {
    log.info('Extracting local ISO image...');
    await step('Extracting local ISO image...', 0.6);
  } else if (!storage.sizeOf(medium.name)) {
    await download(order, title, totalMs);
  }
  await step(`Building ${title} image...`, 0.3);

  if (settings.hasFault('no-space')) throw new Failure(76, 'Not enough free space to create a disk image.');
  if (!medium.customPath && !storage.sizeOf(medium.name)) {
    order.writeMedium(storage.path(medium.name));
    storage.own(medium.name);
  }
  storage.write('setup.img', describeSetup(settings));
  storage.write('windows.ver', '6.05\n');
  storage.write('windows.base', `${medium.name}\n`);
  if (version.legacy) {
    storage.write('windows.mode', 'windows_legacy\n');
    storage.write('windows.old', 'pc\n');
    storage.write('windows.type', 'auto\n');
    storage.write('windows.vga', 'std\n');
  } else if (settings.text('BOOT_MODE') === 'windows_secure') {
    storage.write('windows.mode', 'windows_secure\n');
  }
  storage.remove('tmp');
}

async function download({ settings, storage, tell }: Order, title: string, totalMs: number): Promise<void> {
  storage.makeFolder('tmp');
  tell(`Requesting ${title} from the Microsoft servers...`);
  log.info(`Requesting ${title} from the Microsoft servers...`);
  await sleep(totalMs * 0.1);
  log.info(`Downloading ${title}...`);
  await count(tell, `Downloading ${title}...`, totalMs * 0.5, settings.hasFault('download') ? 40 : 100);
  if (settings.hasFault('download')) {
    tell('Download failed (code 8).');
    const url = settings.text('VERSION');
    if (!/^https?:/i.test(url)) throw new Failure(68, `Failed to download ${title} from the Microsoft servers!`);
    log.error(`Failed to download ${url} with exit status 8.`);
    throw new Failure(68, 'Failed to download the Windows image from the specified URL!');
  }
  tell('Download completed successfully...');
  log.info('Download completed successfully...');
  await sleep(totalMs * 0.05);
}

/** Percentages with one decimal on the page, and the log's single line `10% → 20% → ...`. */
async function count(tell: Tell, text: string, ms: number, upTo = 100): Promise<void> {
  tell(text);
  const steps = 20;
  for (let i = 1; i <= steps; i++) {
    await sleep(ms / steps);
    const percent = (i * upTo) / steps;
    tell(text, `${percent.toFixed(1)}%`);
    if (percent % 10 === 0) process.stdout.write(i === steps ? `${percent}%\n` : `${percent}% → `);
  }
}

function checkMinimum(settings: Settings, version: WindowsVersion): void {
  const ram = ramMib(settings.text('RAM_SIZE', '4G'), Number.MAX_SAFE_INTEGER) ?? 0;
  if (ram < version.minRamMib) {
    throw new Failure(
      16,
      `The ${version.title} needs at least ${version.minRamMib} MB of RAM, please increase RAM_SIZE.`,
    );
  }
  const disk = diskBytes(settings.text('DISK_SIZE', '64G'));
  if (disk !== undefined && disk < version.minDiskGib * 1024 ** 3) {
    log.error(`Please increase the DISK_SIZE variable to at least ${version.minDiskGib} GB.`);
    throw new Failure(77, 'Failed to create disk image.');
  }
}

/** First existing folder whose content becomes C:\OEM. */
export function oemFolder(storage: Storage): string | undefined {
  const candidates = ['/oem', '/OEM', storage.path('oem'), storage.path('OEM')];
  return candidates.find((path) => existsSync(path) && statSync(path).isDirectory());
}

export interface GuestOrders {
  readonly oemFiles: number;
  /** Names of files and folders that are not ASCII, as Windows then sees them; percent-encoded, with commas between. */
  readonly oddNames: string;
  readonly runsInstallBat: boolean;
  readonly command: string;
}

/** What the answer file and C:\OEM would make Windows do at the end of its setup. */
export function guestOrders(settings: Settings, storage: Storage): GuestOrders {
  const folder = oemFolder(storage);
  const files = folder ? readdirSync(folder) : [];
  const command = settings.text('COMMAND');
  const present = command !== '' || files.some((name) => name.toLowerCase() === 'install.bat');
  const allowed =
    settings.isOn('AUTOLOGIN', true) && !settings.isOn('MANUAL', false) && !settings.hasFault('no-install-bat');
  const oddNames = (folder ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [])
    .map((path) => basename(path))
    .filter((name) => /[^ -~]/.test(name))
    .map((name) => encodeURIComponent(asCopied(name, settings)));
  return { oemFiles: files.length, oddNames: oddNames.sort().join(','), runsInstallBat: present && allowed, command };
}

/** mcopy takes names for text of the locale; the image has none, and each byte becomes a character. */
function asCopied(name: string, settings: Settings): string {
  const locale = settings.text('LC_ALL') || settings.text('LC_CTYPE') || settings.text('LANG');
  return /\.utf-?8$/i.test(locale) ? name : Buffer.from(name).toString('latin1');
}

function describeSetup(settings: Settings): string {
  return `standin setup image\nUSERNAME=${settings.text('USERNAME', 'Docker')}\n`;
}
