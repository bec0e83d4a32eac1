import type { Db } from '../db/client.js';
import type { Deployment } from '../db/deployment.js';
import type { Write } from '../db/write.js';
import type { Logger } from '../log.js';
import type { LeadingProvisioner } from '../provisioner/provisioner.js';
import type { Memory } from './memory.js';

/** What the reconciler works with. */
export interface Deps {
  db: Db;
  /** Refused once this term of the lead is over, and so is what the provisioner changes. */
  write: Write;
  provisioner: LeadingProvisioner;
  deployment: Deployment;
  log: Logger;
  now: () => Date;
  readiness: 'agent' | 'rdp' | 'either';
  /** A READY VM of which nothing was heard for this long is not handed out, and is looked at. */
  unheardMs: number;
  bootTimeoutMs: number;
  installTimeoutMs: number;
  /** An installation that has not moved for this long is told to be stuck. */
  installStuckMs: number;
  memory: Memory;
  /** When this server began to reconcile: nobody heard the guests before that. */
  ledSince: Date;
}

/** What a step says of itself: nothing, or that the same again at once would be refused again. */
// biome-ignore lint/suspicious/noConfusingVoidType: most steps return nothing, as functions do
export type Outcome = 'refused' | void;

/** The facts with the clock of their time limits started no earlier than this server's lead: its absence is not the guest's fault. */
export function sinceLed<F extends { changedAt: Date }>(facts: F, { ledSince }: Pick<Deps, 'ledSince'>): F {
  return facts.changedAt < ledSince ? { ...facts, changedAt: ledSince } : facts;
}
