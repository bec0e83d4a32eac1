import type { AttackName } from './attacks.js';

export interface Target {
  host: string;
  port: number;
  /** The address to come from, where it matters. */
  from?: string;
  /** A guest's, that is good there. */
  token?: string;
}

export type ToAttacker = { attack: AttackName; target: Target };
/** The attack is under way. */
export type FromAttacker = { begun: true };
