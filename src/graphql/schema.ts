import './scalars.js';
import './vm.js';
import './goldenImage.js';
import './goldenImageProgress.js';
import './pool.js';
import './imageLine.js';
import './assignment.js';
import './guest.js';
import './command.js';
import './screen.js';
import './file.js';
import './oemBundle.js';
import './event.js';
import './health.js';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { builder } from './builder.js';
import { checkTexts } from './checkTexts.js';

/** The whole API. */
export const schema = checkTexts(builder.toSchema());

/** What schema.graphql holds. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
