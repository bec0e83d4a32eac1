import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const BUILD = `
  set -e
  newer=$(find src prisma package.json tsconfig.build.json -path src/generated -prune -o -type f -newer dist/main.js -print -quit 2>/dev/null || true)
  if [ ! -f dist/main.js ] || [ -n "$newer" ]; then
    npm run --silent build
    touch dist/main.js
  fi`;

/** Sees that dist/ is what src/ says. Test files that run side by side take turns. */
export async function ensureBuilt(): Promise<void> {
  const { stdout } = await underLock(`build ${ROOT}`, 'sh', ['-c', BUILD]).catch(
    (err: { stdout?: string; stderr?: string }) => {
      throw new Error(`npm run build failed:\n${err.stdout}${err.stderr}`, { cause: err });
    },
  );
  if (stdout.trim() !== '') console.log(stdout);
}

/** Runs a program that no other test process runs at the same time under this name. */
export function underLock(name: string, program: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  const lock = join(tmpdir(), `vapiorc-test-${createHash('sha256').update(name).digest('hex').slice(0, 8)}.lock`);
  return run('flock', [lock, program, ...args], { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
}
