import { ORDER } from '../../src/actions/assignment/assignVm.js';
import { createOrders, type Order, type Ordered, type PlaceOrder } from '../../src/actions/assignment/orders.js';
import { Waits } from '../../src/actions/assignment/waits.js';
import { type ActionContext, type ActionDeps, contextOf } from '../../src/actions/context.js';
import { parseInput } from '../../src/actions/parseInput.js';
import type { Db } from '../../src/db/client.js';
import { Reads } from '../../src/db/reads.js';
import type { WriteAs } from '../../src/db/write.js';
import type { InvalidInput } from '../../src/domain/errors.js';
import { ANYONE } from '../../src/domain/principal.js';
import type { Feed } from '../../src/events/feed.js';
import { simulatedScreens } from '../../src/provisioner/simulated/simulatedScreens.js';
import { isoHostRefusal } from './isoHosts.js';

/** What actions work with on this database, as in a server with simulated machines unless `over` says otherwise. */
export function createActions(
  { db, writeAs, feed }: { db: Db; writeAs: WriteAs; feed: Feed },
  over: Partial<ActionDeps> = {},
): ActionDeps {
  return {
    writeAs,
    feed,
    reads: new Reads(db, 20),
    placeOrder: createOrders({ writeAs }),
    waits: new Waits(db),
    defaults: { hotSpares: 2, maxVms: 20, cpuCores: 2, ramMiB: 4096, diskGiB: 64 },
    allotment: undefined,
    isoHostRefusal,
    admit: async () => undefined,
    share: () => undefined,
    screens: simulatedScreens(() => true),
    ...over,
  };
}

/** A call of anybody's, who stays. */
export function calling(deps: ActionDeps): ActionContext {
  return contextOf(deps, { principal: ANYONE, address: '127.0.0.1' }, new AbortController().signal);
}

/** Orders of anybody's, as `assignVm` checks them before it places them. */
export function orders(place: PlaceOrder) {
  return async (given: Order, by = ANYONE): Promise<Ordered | InvalidInput> => {
    const { waitSeconds, caller, ...asked } = given;
    const order = parseInput(ORDER, asked);
    return order instanceof Error ? order : place({ ...order, waitSeconds, caller }, by);
  };
}
