import { stripVTControlCharacters } from 'node:util';

/** It did not react to the power button, or not in time. */
const LATE = ['Forcefully terminating Windows', 'is still running, sending SIGTERM'];
const LATE_FIX =
  'Look at its last screenshot for what held it up (a dialog, updates); let install.bat close it, or raise VAPIORC_STOP_TIMEOUT_SECONDS.';
const BAD = [
  ...LATE,
  'QEMU exited unexpectedly!',
  'could not boot, terminating...',
  'Timeout while waiting for QEMU to boot the machine',
];

/**
 * Judges by the end of its log whether a guest went down by itself, with its disk whole: undefined, or why not.
 * The exit code does not tell: it is 0 after a boot that failed and 143 after every stop.
 */
export function uncleanShutdown(log: string): string | undefined {
  const lines = stripVTControlCharacters(log)
    .split(/\r?\n/)
    .map((line) => line.trim());
  const bad = lines.findLast((line) => BAD.some((words) => line.includes(words)));
  if (bad !== undefined) {
    const late = LATE.some((words) => bad.includes(words)) ? `. ${LATE_FIX}` : '';
    return `the guest was not shut down cleanly: ${bad.slice(0, 300)}${late}`;
  }
  if (!lines.includes('❯ Shutdown completed!')) {
    return 'the guest was not shut down cleanly: its container ended without "Shutdown completed!"';
  }
  return undefined;
}
