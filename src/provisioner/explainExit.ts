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
  58: 'its vmType is not accepted',
  62: 'its language is not known',
  64: 'its installation medium is not usable',
  66: 'its saved state is damaged',
  67: 'it lacks the minimum of memory or disk',
  68: 'the Windows installation medium could not be downloaded, or the vmType is not known',
  71: 'its disk is in use by another program, or could not be made',
  73: 'its disk size is not accepted',
  77: 'its disk could not be made: too small, or no space left',
  78: 'its disk has an unknown format',
  88: 'KVM is not available to it',
  137: 'it was killed (out of memory, or stopped by force)',
  139: 'it crashed',
  143: 'it was stopped from outside',
};

/** In words, why a container of the guest image ended with this code. */
export function explainExit(exitCode: number): string {
  const reason =
    REASONS[exitCode] ??
    (exitCode >= 70 && exitCode <= 100 ? 'a step of the installation failed' : 'for an unknown reason');
  return `${reason} (exit code ${exitCode})`;
}
