import { PrismaPg } from '@prisma/adapter-pg';
import { type Prisma, PrismaClient } from '../generated/prisma/client.js';
import { connectionConfig, prepareSession, type SessionNeeds, schemaOf } from './connection.js';

export type Db = PrismaClient;
/** Inside a transaction. */
export type Tx = Prisma.TransactionClient;

const NEEDS: SessionNeeds = { name: 'vapiorc' };

/**
 * `connections`: most that the pool opens; 20 is enough for the API's reads beside its writes, and Postgres' own default limit is 100 for all
 * its clients. Connects lazily, at the first query. The pool mends itself after an outage; queries meanwhile fail.
 */
export function openDatabase(url: string, connections = 20): Db {
  const names = new Map<string, string>();
  return new PrismaClient({
    adapter: new PrismaPg(
      {
        ...connectionConfig(url, NEEDS),
        max: connections,
        // pg's pool awaits it, though its types do not say so.
        // oxlint-disable-next-line typescript/no-misused-promises
        onConnect: (client) => prepareSession(client, url, NEEDS),
      },
      {
        schema: schemaOf(url),
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
