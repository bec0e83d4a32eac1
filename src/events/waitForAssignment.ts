import type { Assignment } from '../db/assignments.js';
import type { Db } from '../db/client.js';
import type { Feed } from './feed.js';

/** The assignment once it is no longer QUEUED, or as it is after `waitMs` or when the caller goes away. */
export async function waitForAssignment(
  { db, feed }: { db: Db; feed: Feed },
  assignment: Assignment,
  waitMs: number,
  caller?: AbortSignal,
): Promise<Assignment> {
  const { id } = assignment;
  const read = () => db.assignment.findUniqueOrThrow({ where: { id } });
  if (assignment.status !== 'QUEUED' || waitMs <= 0) return assignment;
  // The cursor is taken before the row is read again, so what happens between the two is in the feed.
  const cursor = feed.head;
  const latest = await read();
  if (latest.status !== 'QUEUED') return latest;
  const limit = AbortSignal.timeout(waitMs);
  for await (const _ of feed.subscribe(
    cursor,
    { assignmentId: id },
    caller ? AbortSignal.any([caller, limit]) : limit,
  )) {
    const now = await read();
    if (now.status !== 'QUEUED') return now;
  }
  return read();
}
