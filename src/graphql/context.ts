import type { AssignVm } from '../actions/assignVm.js';
import type { CommandDeps } from '../actions/deps.js';
import type { HandOut } from '../actions/handOut.js';
import type { Db } from '../db/client.js';
import type { Read, Reads } from '../db/reads.js';
import type { EndpointsOf } from '../domain/endpoints.js';
import type { HealthReport } from '../domain/health.js';
import type { Screens } from '../domain/screen.js';
import type { Share } from '../domain/share.js';
import type { Feed } from '../events/feed.js';
import type { IsForeign } from '../http/hostCheck.js';
import type { Logger } from '../log.js';
import type { Slices } from '../primitives/slices.js';
import type { Loaders } from './loaders.js';

/** What the whole API works with; the same for every request. */
export interface GraphqlDeps {
  /** For commands and waits, which are given it whole; what a resolver asks for itself goes by `read`. */
  db: Db;
  reads: Reads;
  /** For commands. */
  deps: CommandDeps;
  /** One for the process: it gathers orders into batches. */
  assignVm: AssignVm;
  feed: Feed;
  /** In which operations are looked through, beside the subscribers who take what is new: that takes time that nobody else has meanwhile. */
  slices: Slices;
  /** The files of a VM; none where machines are simulated. */
  share: (vmId: string) => Share | undefined;
  /** What machines show, and their keyboards and mice. */
  screens: Screens;
  health: () => Promise<HealthReport>;
  /** Where callers reach a machine. */
  endpointsOf: EndpointsOf;
  isForeign: IsForeign;
  log: Logger;
}

/** What resolvers work with, made anew for each operation. */
export interface Context extends GraphqlDeps {
  /** For reads; only commands write. */
  read: Read;
  /** Gets the caller a VM or takes the request back. */
  handOut: HandOut;
  /** Aborts when the caller is gone, or the server is about to go. */
  caller: AbortSignal;
  /** The caller's address. */
  address: string;
  load: Loaders;
}
