import type { Figures } from './figures.js';
import type { Kit } from './kit.js';

/** One line of the result: the thing, and where there is one the bare operation that bounds it, measured in the same run. */
export interface Finding {
  name: string;
  /** What was measured, in words, with the conditions that matter. */
  what: string;
  unit: string;
  measured: Figures;
  limit?: { what: string } & Figures;
  /** Measured against limit; which way is better is in `target`. */
  ratio?: number;
  target: string;
  /** Undefined: there is no target, the figure is for information. */
  met?: boolean;
}

export interface Benchmark {
  name: string;
  /** Measures in rounds, thing and limit in turns, and answers medians over the rounds. */
  run(kit: Kit): Promise<Finding[]>;
}
