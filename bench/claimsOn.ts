import pg from 'pg';
import { createOrders } from '../src/actions/assignment/orders.js';
import { openDatabase } from '../src/db/client.js';
import { createWrite } from '../src/db/write.js';
import { ANYONE } from '../src/domain/principal.js';
import { openBus } from '../src/events/bus.js';
import type { Kit } from './kit.js';
import { seedImage, VM_TYPE } from './seed.js';

/** A database of that name with an image to claim spares of, `callers` bare connections, and the order as an action places it. */
export async function claimsOn(kit: Kit, name: string, callers: number) {
  const url = await kit.database(name);
  const pool = new pg.Pool({ connectionString: url, max: callers });
  const db = openDatabase(url);
  const bus = openBus({ databaseUrl: url, log: kit.log });
  kit.opened(name, async () => {
    await bus.close();
    await db.$disconnect();
    await pool.end();
  });
  return {
    pool,
    imageId: await seedImage(pool),
    /** A way to order, whose orders share their transactions with each other. Answers the id of the VM. */
    orders() {
      const place = createOrders({ writeAs: createWrite(db, (seq) => bus.publish(seq)) });
      return async (assignedTo: string): Promise<string | null> => {
        const answer = await place({ vmType: VM_TYPE, assignedTo }, ANYONE);
        if (answer instanceof Error) throw answer;
        return answer.vmId;
      };
    },
  };
}
