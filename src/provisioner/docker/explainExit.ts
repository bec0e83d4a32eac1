import type { EndedMachine } from '../provisioner.js';

const REASONS: Record<number, string> = {
  0: 'the guest powered itself off, or its firmware did not start Windows in time',
  1: 'QEMU ended with an error (a bad argument, or a disk that it could not open)',
  11: 'the guest image does not run as a container here',
  12: 'the guest image does not run as root',
  13: 'its storage folder is missing or not writable',
  14: 'there is no /dev/shm',
  15: 'CPU_CORES is not accepted',
  16: 'its memory is too small for this Windows',
  20: 'its network could not be set up (macvtap)',
  24: 'its network could not be set up',
  26: 'its network interface was not found',
  28: 'its MAC address is not accepted',
  29: 'it can not run in this kind of network',
  33: 'BOOT_MODE is not accepted',
  44: 'a firmware file is missing',
  45: 'the firmware variables could not be made',
  50: 'its state files could not be written',
  55: 'its disk is missing or empty',
  58: 'its Windows version is not accepted',
  62: 'its language is not known',
  64: 'its installation medium is not usable',
  66: 'its saved state is damaged',
  67: 'it lacks the minimum of memory or disk',
  68: 'the Windows installation medium could not be downloaded, or the Windows version is not known',
  71: 'its disk is in use by another program, or could not be made',
  73: 'its disk size is not accepted',
  77: 'its disk could not be made: too small, or no space left',
  78: 'its disk has an unknown format',
  88: 'KVM is not available to it',
  137: 'it was killed (out of memory, or stopped by force)',
  139: 'it crashed',
  143: 'it was stopped from outside',
};

/** With a medium of the user's own there is no vmType that could be wrong. */
const OF_ISO_URL: Record<number, string> = {
  58: 'the file name in the URL of its medium is not accepted',
  64: 'what the URL of its medium leads to is not usable as installation medium',
  68: 'the installation medium could not be downloaded from its URL',
};

/** What the guest image prints before it ends QEMU because nothing boots. QEMU then ends well, as after a power-off. */
const NO_BOOT: [RegExp, string][] = [
  [/ERROR: Timeout while waiting for QEMU to boot/, 'its firmware did not start Windows in time'],
  [/ERROR: Windows could not boot/, 'its firmware found nothing to boot'],
];
const BOOTED = /Windows started successfully/;

/** In words, why a container of the guest image ended with this code. */
export function explainExit(exitCode: number, machine: EndedMachine): string {
  const reason =
    (exitCode === 0 ? explainEnd(machine) : undefined) ??
    (machine.isoUrl ? OF_ISO_URL[exitCode] : undefined) ??
    REASONS[exitCode] ??
    (exitCode >= 70 && exitCode <= 100 ? 'a step of the installation failed' : 'for an unknown reason');
  return `${reason} (exit code ${exitCode})`;
}

/** Which of the two ends without an error it was, as far as can be told. */
function explainEnd({ wasReady, log }: EndedMachine): string | undefined {
  const noBoot = NO_BOOT.find(([line]) => log.some((each) => line.test(each)));
  if (noBoot && !wasReady) return noBoot[1];
  return wasReady || log.some((each) => BOOTED.test(each)) ? 'the guest powered itself off' : undefined;
}
