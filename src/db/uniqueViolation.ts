import { Prisma } from '../generated/prisma/client.js';
import { adapterCause } from './adapterCause.js';

/** Whether a unique index refused the write, through Prisma's own query (P2002) or a raw one (SQLSTATE 23505). */
export function isUniqueViolation(err: unknown): boolean {
  if (!(err instanceof Prisma.PrismaClientKnownRequestError)) return false;
  const { kind, originalCode } = adapterCause(err);
  return err.code === 'P2002' || kind === 'UniqueConstraintViolation' || originalCode === '23505';
}
