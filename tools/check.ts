/** `npm run check`: what `npm test` checks before it tests. */
import { CHECKS, check } from './checks.js';

process.exitCode = check(CHECKS).failures.length > 0 ? 1 : 0;
