import type { ActionContext, ActionDeps } from '../actions/context.js';
import type { EndpointsOf } from '../domain/endpoints.js';
import type { HealthReport } from '../domain/health.js';
import type { Callers } from '../http/callers.js';
import type { IsForeign } from '../http/hostCheck.js';
import type { Logger } from '../log.js';
import type { Slices } from '../primitives/slices.js';
import type { Loaders } from './loaders.js';

/** What the API shows beside what actions work with. */
interface Shown {
  /** In which operations are looked through, beside the subscribers who take what is new: that takes time that nobody else has meanwhile. */
  slices: Slices;
  health: () => Promise<HealthReport>;
  /** Where callers reach a machine. */
  endpointsOf: EndpointsOf;
  isForeign: IsForeign;
  log: Logger;
}

/** What the whole API works with; the same for every request. */
export interface GraphqlDeps extends Shown {
  actions: ActionDeps;
  callers: Callers;
}

/** What resolvers work with, made anew for each operation. */
export interface Context extends ActionContext, Shown {
  load: Loaders;
}
