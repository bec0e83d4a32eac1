import type { Assignment } from '../../db/assignments.js';
import type { ActionContext } from '../context.js';
import { waitForRow } from '../waitForRow.js';

/** The assignment once it is no longer QUEUED, or as it is after `waitMs` or when the caller goes away. */
export function waitForAssignment(
  { read, feed, gone, address }: Pick<ActionContext, 'read' | 'feed' | 'gone' | 'address'>,
  assignment: Assignment,
  waitMs: number,
): Promise<Assignment> {
  const { id } = assignment;
  const awaited = {
    read: () => read((db) => db.assignment.findUniqueOrThrow({ where: { id } })),
    isSettled: ({ status }: Assignment) => status !== 'QUEUED',
    filter: { assignmentId: id },
  };
  return waitForRow(feed, assignment, awaited, waitMs, { gone, address });
}
