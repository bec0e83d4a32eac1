import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a program; the milliseconds that it took, its start included. */
export async function timedRun(program: string, args: string[]): Promise<number> {
  const begun = performance.now();
  await run(program, args);
  return performance.now() - begun;
}

/** Sending costs curl little; into a file it writes in small pieces, at some 1 s a GiB. */
const CURL = ['-sS', '--fail-with-body'];

/** Sends a file; the milliseconds. */
export const upload = (file: string, url: string) => timedRun('curl', [...CURL, '-T', file, '-o', '/dev/null', url]);

/** Sends so many bytes that are zero, chunked: their number is not announced. */
export const uploadZeros = (bytes: number, url: string) =>
  timedRun('sh', [
    '-c',
    `head -c ${bytes} /dev/zero | exec curl "$@"`,
    'sh',
    ...CURL,
    '-T',
    '-',
    '-o',
    '/dev/null',
    url,
  ]);

export const download = (url: string, file: string) => timedRun('curl', [...CURL, '-o', file, url]);
