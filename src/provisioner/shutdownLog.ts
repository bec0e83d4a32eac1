import { stripVTControlCharacters } from 'node:util';

const BAD = [
  'Forcefully terminating Windows',
  'is still running, sending SIGTERM',
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
  if (bad !== undefined) return `the guest was not shut down cleanly: ${bad.slice(0, 300)}`;
  if (!lines.includes('❯ Shutdown completed!')) {
    return 'the guest was not shut down cleanly: its container ended without "Shutdown completed!"';
  }
  return undefined;
}
