import './types/scalars.js';
import './types/vm.js';
import './types/goldenImage.js';
import './types/goldenImageProgress.js';
import './types/pool.js';
import './types/imageLine.js';
import './types/assignment.js';
import './types/guest.js';
import './types/command.js';
import './types/screen.js';
import './types/file.js';
import './types/oemBundle.js';
import './types/event.js';
import './types/health.js';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { builder } from './builder.js';
import { checkTexts } from './limits/checkTexts.js';

/** The whole API. */
export const schema = checkTexts(builder.toSchema());

/** What schema.graphql holds. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
