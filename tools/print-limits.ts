/** Writes docs/limits.md from the code; with --check it only compares, and exits 1 when they differ. */
import { limitsDocument } from './limitsDocument.js';
import { writeOrCompare } from './writeOrCompare.js';

writeOrCompare('docs/limits.md', await limitsDocument());
