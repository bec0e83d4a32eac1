// The colours of the real image: readers of the log have to strip them.
const reset = '\x1b[0m';

export const log = {
  info: (text: string): void => void process.stdout.write(`\x1b[1;34m❯ \x1b[1;36m${text}${reset}\n`),
  plain: (text: string): void => void process.stdout.write(`${text}\n`),
  warn: (text: string): void => void process.stderr.write(`\x1b[1;31m❯ Warning: ${text}${reset}\n`),
  error: (text: string): void => void process.stderr.write(`\x1b[1;31m❯ ERROR: ${text}${reset}\n`),
};
