import { copyFileSync } from 'node:fs';

/** The "Windows ISO" of the tiny guest: a bootable disk image that installs itself. */
export function writeTinyMedium(path: string): void {
  copyFileSync('/usr/share/standin/medium.img', path);
}
