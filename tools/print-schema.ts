/** Writes schema.graphql from the code; with --check it only compares, and exits 1 when they differ. */
import { printedSchema } from '../src/graphql/schema.js';
import { writeOrCompare } from './writeOrCompare.js';

writeOrCompare('schema.graphql', printedSchema());
