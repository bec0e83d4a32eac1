import { Prisma } from '../generated/prisma/client.js';

interface AdapterError {
  cause?: { kind?: string; originalCode?: string };
}

/** Whether a unique index refused the write, through Prisma's own query (P2002) or a raw one (SQLSTATE 23505). */
export function isUniqueViolation(err: unknown): boolean {
  if (!(err instanceof Prisma.PrismaClientKnownRequestError)) return false;
  const cause = (err.meta?.driverAdapterError as AdapterError | undefined)?.cause;
  return err.code === 'P2002' || cause?.kind === 'UniqueConstraintViolation' || cause?.originalCode === '23505';
}
