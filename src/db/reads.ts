import { Unavailable } from '../domain/errors.js';
import { Turns } from '../primitives/turns.js';
import type { Db } from './client.js';

/** As long as the pool lets anybody wait for a connection. */
const TURN_LIMIT_MS = 5_000;

/** Asks the database something, when it is the caller's turn. @throws Unavailable  its turn did not come in time. */
export type Read = <T>(query: (db: Db) => Promise<T>) => Promise<T>;

/**
 * What callers read through the APIs. That may take half of the pool's connections, so writes and the server's own work always have the
 * others; of these one address may have half, and one operation all of that but one. Addresses take turns: however much somebody asks
 * for, another one waits for no more than a few queries.
 */
export class Reads {
  readonly #ofOneOperation: number;
  readonly #turns: Turns;

  /** `connections`: of the pool. */
  constructor(
    readonly db: Db,
    connections: number,
  ) {
    const atOnce = Math.ceil(connections / 2);
    const ofOneAddress = Math.ceil(atOnce / 2);
    this.#ofOneOperation = Math.max(ofOneAddress - 1, 1);
    this.#turns = new Turns(atOnce, ofOneAddress);
  }

  /** For one operation of this address. */
  of(address: string): Read {
    const own = new Turns(this.#ofOneOperation);
    return <T>(query: (db: Db) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        let isLate = false;
        const late = setTimeout(() => {
          isLate = true;
          const fix = 'Try again in a few seconds, and ask for less at once.';
          reject(new Unavailable('database', 'the database has more to do than it can', fix));
        }, TURN_LIMIT_MS);
        const piece = async () => {
          clearTimeout(late);
          if (!isLate) resolve(await query(this.db));
        };
        own.run('', () => this.#turns.run(address, piece)).catch(reject);
      });
  }
}
