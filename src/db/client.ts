import { PrismaPg } from '@prisma/adapter-pg';
import { type Prisma, PrismaClient } from '../generated/prisma/client.js';

export type Db = PrismaClient;
/** Inside a transaction. */
export type Tx = Prisma.TransactionClient;

/** Enough for the API's reads beside its writes; Postgres' own default limit is 100 for all its clients. */
const CONNECTIONS = 20;

/** Connects lazily, at the first query. The pool mends itself after an outage; queries meanwhile fail. */
export function openDatabase(url: string): Db {
  const names = new Map<string, string>();
  return new PrismaClient({
    adapter: new PrismaPg(
      {
        connectionString: url,
        max: CONNECTIONS,
        connectionTimeoutMillis: 5_000,
        // A database that is silent, not gone, would else hold its callers for ever.
        query_timeout: 10_000,
        application_name: 'vapiorc',
      },
      {
        // The same text gets the same name, so each connection parses and plans it once.
        statementNameGenerator: ({ sql }) => {
          let name = names.get(sql);
          if (name === undefined && names.size < 500) {
            name = `v${names.size}`;
            names.set(sql, name);
          }
          return name ?? '';
        },
      },
    ),
    // Callers wait longer for a connection than one slow transaction takes; beyond that it is a fault.
    transactionOptions: { maxWait: 10_000, timeout: 15_000 },
  });
}
