import type { Assignment } from '../db/assignments.js';
import type { Db } from '../db/client.js';
import type { Feed } from '../events/feed.js';
import { waitForRow } from './waitForRow.js';

/** The assignment once it is no longer QUEUED, or as it is after `waitMs` or when the caller goes away. */
export function waitForAssignment(
  { db, feed }: { db: Db; feed: Feed },
  assignment: Assignment,
  waitMs: number,
  caller?: AbortSignal,
): Promise<Assignment> {
  const { id } = assignment;
  const awaited = {
    read: () => db.assignment.findUniqueOrThrow({ where: { id } }),
    isSettled: ({ status }: Assignment) => status !== 'QUEUED',
    filter: { assignmentId: id },
  };
  return waitForRow(feed, assignment, awaited, waitMs, caller);
}
