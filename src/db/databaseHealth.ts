import { healthOf, type Problem } from '../domain/check.js';
import type { PartHealth } from '../domain/health.js';
import type { Db } from './client.js';
import { examineDatabase } from './examineDatabase.js';
import { pingDatabase } from './pingDatabase.js';

/** What the checks look at changes seldom, and a look costs two connections. */
const EXAMINE_EVERY_MS = 60_000;

export interface DatabasePlace {
  url: string;
  /** The folder of the embedded database, where that is not in the storage. */
  elsewhere: string | undefined;
}

/** How the database is: whether it answers now, and what the checks of the start say of it today. */
export function createDatabaseHealth(
  db: Db,
  { url, elsewhere }: DatabasePlace,
  connections: number,
): () => Promise<PartHealth> {
  let problems: Problem[] = [];
  let examinedAt = performance.now(); // at start
  return async () => {
    const answer = await pingDatabase(db);
    if (answer.status !== 'OK') return answer;
    if (performance.now() - examinedAt > EXAMINE_EVERY_MS) {
      examinedAt = performance.now();
      // It answered a moment ago; why it does not now is for the next ping to say.
      problems = await examineDatabase(url, connections).catch(() => problems);
    }
    return healthOf(problems, elsewhere === undefined ? answer.message : `${answer.message}; ${outside(elsewhere)}`);
  };
}

function outside(folder: string): string {
  return (
    `its files are in ${folder}, outside the storage, whose folder its user could not enter: back up both. ` +
    'Or stop the server, let others pass the folders above the storage (chmod o+x), and move it into the storage in place of the link postgres'
  );
}
