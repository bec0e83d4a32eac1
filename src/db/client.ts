import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../generated/prisma/client.js';
import { Clock } from './clock.js';
import { connectionConfig, prepareSession, type SessionNeeds, schemaOf } from './connection.js';

/** A database, with its own time. */
export type Db = ReturnType<typeof openDatabase>;
/** Inside a transaction. */
export type Tx = Parameters<Parameters<Db['$transaction']>[0]>[0];

const NEEDS: SessionNeeds = { name: 'vapiorc' };

/**
 * `connections`: most that the pool opens; 20 is enough for the API's reads beside its writes, and Postgres' own default limit is 100 for all
 * its clients. Connects lazily, at the first query. The pool mends itself after an outage; queries meanwhile fail.
 */
export function openDatabase(url: string, connections = 20) {
  const names = new Map<string, string>();
  const client = new PrismaClient({
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
  return client.$extends({ client: { clock: new Clock() } });
}
