import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Writes a file of the checkout that is printed from the code; with --check it only compares, and exits 1 when they differ. */
export function writeOrCompare(name: string, printed: string): void {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if (!process.argv.includes('--check')) {
    writeFileSync(path, printed);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== printed) {
    console.error(`${name} is not what the code says: run npx tsx ${process.argv[1]} and commit the result`);
    process.exitCode = 1;
  }
}
