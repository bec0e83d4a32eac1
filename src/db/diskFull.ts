/** Postgres' SQLSTATE for a disk that is full. */
export const DISK_FULL = '53100';

/** What the C library says; Postgres knows no code for a quota. */
const WORDS = /No space left on device|Disk quota exceeded/;

/** Whether Postgres says that its disk is full: through Prisma, or to `pg` itself. */
export function isDiskFull(err: unknown): boolean {
  if (!(err instanceof Error)) return false;
  // A raw query of Prisma's has the code in its message alone.
  return (
    ('code' in err && err.code === DISK_FULL) || WORDS.test(err.message) || err.message.includes(`\`${DISK_FULL}\``)
  );
}
