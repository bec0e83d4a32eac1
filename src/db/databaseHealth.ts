import { healthOf, type Problem } from '../domain/check.js';
import type { PartHealth } from '../domain/health.js';
import type { Db } from './client.js';
import { examineDatabase } from './examineDatabase.js';
import { pingDatabase } from './pingDatabase.js';
import type { Reserve } from './reserve.js';

/** What the checks look at changes seldom, and a look costs two connections. */
const EXAMINE_EVERY_MS = 60_000;

export interface DatabasePlace {
  url: string;
  /** The folder of the embedded database, where that is not in the storage. */
  elsewhere: string | undefined;
  /** What is kept for it on its disk; left out: it is not ours. */
  reserve?: Reserve | undefined;
  /** What the start has found a moment ago; left out: it has not looked. */
  problems?: Problem[];
}

/**
 * How the database is: whether it answers and writes now, how its disk is where it is ours, and what the checks of the start say of it
 * today.
 */
export function createDatabaseHealth(
  db: Db,
  { url, elsewhere, reserve, problems: known }: DatabasePlace,
  connections: number,
): () => Promise<PartHealth> {
  let problems = known ?? [];
  let examinedAt = known ? performance.now() : Number.NEGATIVE_INFINITY;
  return async () => {
    const [answer, disk] = await Promise.all([pingDatabase(db), reserve?.health()]);
    // What its disk is says more than that it does not answer, or can't write.
    if (disk && disk.status !== 'OK')
      return answer.status === 'DOWN' ? { status: 'DOWN', message: `${disk.message}. ${answer.message}` } : disk;
    if (answer.status !== 'OK') return answer;
    if (performance.now() - examinedAt > EXAMINE_EVERY_MS) {
      examinedAt = performance.now();
      // It answered a moment ago; why it does not now is for the next ping to say.
      problems = await examineDatabase(url, connections).catch(() => problems);
    }
    const fine = [answer.message, disk?.message, elsewhere && outside(elsewhere)].filter((one) => one !== undefined);
    return healthOf(problems, fine.join('; '));
  };
}

function outside(folder: string): string {
  return (
    `its files are in ${folder}, outside the storage, whose folder its user could not enter: back up both. ` +
    'Or stop the server, let others pass the folders above the storage (chmod o+x), and move it into the storage in place of the link postgres'
  );
}
