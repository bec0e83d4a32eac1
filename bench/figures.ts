/** What is shown of many samples. For a rate, or anything with one figure a round, the percentiles are over the rounds. */
export interface Figures {
  samples: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export function figures(samples: readonly number[]): Figures {
  if (samples.length === 0) throw new Error('nothing was measured');
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
  return { samples: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

export function median(samples: readonly number[]): number {
  return figures(samples).p50;
}

/** Each percentile's median over the rounds, so that one disturbed round does not decide. */
export function overRounds(rounds: readonly (readonly number[])[]): Figures {
  const each = rounds.map(figures);
  const middle = (name: 'p50' | 'p95' | 'p99' | 'max') => median(each.map((round) => round[name]));
  const samples = each.reduce((sum, round) => sum + round.samples, 0);
  return { samples, p50: middle('p50'), p95: middle('p95'), p99: middle('p99'), max: middle('max') };
}

/** Median over the rounds of a's median divided by b's: what slows a round down slows both. */
export function ratioOf(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  return median(a.map((round, n) => median(round) / median(b[n] as readonly number[])));
}
