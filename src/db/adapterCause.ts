import type { Prisma } from '../generated/prisma/client.js';

/** What the driver adapter says of an error: its own word for it, and Postgres' SQLSTATE. */
interface AdapterCause {
  kind?: string;
  originalCode?: string;
}

/** Raw queries carry the reason only here: Prisma's own code is then P2010, whatever happened. */
export function adapterCause(err: Prisma.PrismaClientKnownRequestError): AdapterCause {
  return (err.meta?.driverAdapterError as { cause?: AdapterCause } | undefined)?.cause ?? {};
}
