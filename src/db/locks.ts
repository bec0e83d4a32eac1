import type { Tx } from './client.js';

/**
 * The keys of all advisory locks. Any numbers will do that differ, and that nobody else on the database uses: a key that stands for
 * two things makes those who hold the one wait for the other.
 */
export const LOCKS = {
  /** Prisma's own, so that its CLI and a server that starts keep out of each other's way. */
  migration: 72_707_369n,
  /** Makes the order of events the order of commits. */
  events: 7_602_174_911n,
  /** Two rows of two tables can't share a unique index. */
  endpoints: 7_602_174_912n,
  /** The session lock of the one server that reconciles. */
  leader: 7_602_174_913n,
  /** No two guests' computer names are judged at the same time. */
  computerNames: 7_602_174_914n,
  /** Pools and image lines are counted, and made, one at a time. */
  names: 7_602_174_915n,
} as const;

/** Waits for the lock and holds it to the end of the transaction. Only within `write`, which tries again after a deadlock. */
export async function holdLock(tx: Tx, name: 'endpoints' | 'computerNames' | 'names'): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCKS[name]}::bigint)`;
}
