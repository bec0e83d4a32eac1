import { connectionLimits } from './connectionLimits.js';
import { graphqlLimits } from './graphqlLimits.js';
import { guestLimits } from './guestLimits.js';
import { requestLimits } from './requestLimits.js';

/**
 * The one list of limits of what may be asked for and kept: docs/limits.md is printed from it (`npm run limits`), and each is named in the
 * test that goes beyond it. What a single input may be stands at its field, and is printed there too. Where a value is an operator's to
 * choose it is a setting, in config.ts.
 */
export const LIMITS = { ...connectionLimits, ...graphqlLimits, ...requestLimits, ...guestLimits };
