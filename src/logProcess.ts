import type { Logger } from './log.js';

/**
 * Makes every line on stderr one of the log: what libraries write there, Node's warnings, and the fault that ends the process.
 * After such a fault nothing is known to be right any more, so nothing is tidied up: the next start carries on, as after a kill.
 */
export function logProcess(log: Logger): void {
  // The log itself writes to the file descriptor.
  process.stderr.write = ((said: string | Uint8Array, ...rest: unknown[]) => {
    log.warn({ said: Buffer.from(said).toString().trimEnd() }, 'a library wrote to stderr');
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  }) as typeof process.stderr.write;
  process.removeAllListeners('warning'); // Node's own, which prints text
  // A warning carries what it is about: a socket, with the headers that came over it.
  process.on('warning', ({ name, message, stack }) => log.warn({ err: { name, message, stack } }, 'Node warns'));
  for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(fault, (err: unknown) => {
      log.fatal({ err, fault }, 'a fault that nothing caught; the server ends');
      process.exit(1);
    });
  }
  // Whoever reads what is for people may go away; that is no reason to end.
  process.stdout.on('error', () => {});
}
