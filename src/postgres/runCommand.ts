import { spawn } from 'node:child_process';

/** As whom to run. Empty: under our own id. */
export type Account = { uid: number; gid: number } | Record<string, never>;

type Done = { code: number | null; output: string };

/** Rejects when the command can't be started; a limit that is exceeded ends it, with code null. */
export function run(
  command: string,
  args: string[],
  options: { account?: Account; fd?: number; limitMs?: number } = {},
): Promise<Done> {
  const { account = {}, fd, limitMs = 30_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...account,
      cwd: '/',
      env: environment,
      timeout: limitMs,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output: output.trim() }));
  });
}

/** Nothing of ours: the PG* variables of whoever started us would change what the binaries do. */
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};
