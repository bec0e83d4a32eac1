import type { Problem } from '../../../domain/check.js';
import { Unavailable } from '../../../domain/errors.js';

/** The first of the problems with which nothing can be begun. */
export function refusalOf(part: Unavailable['part'], problems: readonly Problem[]): Unavailable | undefined {
  const first = problems.find(({ fatal }) => fatal);
  return first && new Unavailable(part, first.message, `${first.fix}.`);
}
