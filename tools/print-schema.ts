/** Writes schema.graphql from the code; with --check it only compares, and exits 1 when they differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printedSchema } from '../src/graphql/schema.js';

const path = fileURLToPath(new URL('../schema.graphql', import.meta.url));
const printed = printedSchema();

if (!process.argv.includes('--check')) {
  writeFileSync(path, printed);
} else if (readFileSync(path, 'utf8') !== printed) {
  console.error('schema.graphql is not what the code says: run npx tsx tools/print-schema.ts and commit the result');
  process.exitCode = 1;
}
