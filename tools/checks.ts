/** What is checked beside the tests: `npm run check` does it alone, `npm test` before them. */
import { spawnSync } from 'node:child_process';

export type Check = readonly [name: string, command: string, args: readonly string[]];

export const CHECKS: readonly Check[] = [
  ['build', 'npm', ['run', '--silent', 'build']],
  ['types', 'npx', ['tsc', '--noEmit']],
  ['format and lint', 'npx', ['biome', 'ci', '.']],
  ['typed lint', 'npx', ['oxlint', '--type-aware']],
  ['unused code', 'npx', ['knip']],
  ['schema.graphql', 'npx', ['tsx', 'tools/print-schema.ts', '--check']],
  ['docs/limits.md', 'npx', ['tsx', 'tools/print-limits.ts', '--check']],
  ['docs/settings.md', 'npx', ['tsx', 'tools/print-settings.ts', '--check']],
];

export interface Outcome {
  passed: number;
  /** What failed and how, to be told again at the end: a log of thousands of lines is read from there, and may have been cut. */
  failures: string[];
}

/** Does them all, and says of each how it went; of one that failed, what it wrote. */
export function check(checks: readonly Check[], env = process.env): Outcome {
  const outcome: Outcome = { passed: 0, failures: [] };
  for (const [name, command, args] of checks) {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env });
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
    if (status === 0) {
      outcome.passed++;
      continue;
    }
    outcome.failures.push(name);
    console.log(`${stdout}${stderr}`.slice(-20_000));
  }
  return outcome;
}
