import type { PartHealth } from './health.js';

/** One thing that must be so of what is not ours: a database, a Redis, an engine. A list of these is read at start and by `health`. */
export interface Check<Facts> {
  /** What is looked at. */
  looksAt: string;
  /** What is wrong with it, in words that name what was found; undefined: nothing. */
  wrong: (facts: Facts) => string | undefined;
  /** What to do about it, one sentence. */
  fix: (facts: Facts) => string;
  /** Whether nothing can work until it is mended. Else it works, worse. */
  fatal: boolean;
}

export interface Problem {
  message: string;
  fix: string;
  fatal: boolean;
}

export function problemsOf<Facts>(checks: readonly Check<Facts>[], facts: Facts): Problem[] {
  return checks.flatMap((check) => {
    const message = check.wrong(facts);
    return message === undefined ? [] : [{ message, fix: check.fix(facts), fatal: check.fatal }];
  });
}

/** `fine`: what is said where no check found anything. */
export function healthOf(problems: readonly Problem[], fine: string): PartHealth {
  if (problems.length === 0) return { status: 'OK', message: fine };
  const status = problems.some(({ fatal }) => fatal) ? 'DOWN' : 'DEGRADED';
  return { status, message: problems.map(({ message, fix }) => `${message}: ${fix}`).join('; ') };
}
