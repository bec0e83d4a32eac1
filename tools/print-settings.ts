/** Writes docs/settings.md from the code; with --check it only compares, and exits 1 when they differ. */
import { settingsDocument } from './settingsDocument.js';
import { writeOrCompare } from './writeOrCompare.js';

writeOrCompare('docs/settings.md', settingsDocument());
