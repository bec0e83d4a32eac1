import { constants, fchownSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, run } from './runCommand.js';

/** An open file that the user of Postgres owns. Never through a link that this user might have laid. */
export function openFile(path: string, account: Account): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
  if ('uid' in account) fchownSync(fd, account.uid, account.gid);
  return fd;
}

/** Waits for a lock, or until `instead` answers true. @throws Error(message) when neither comes within the limit. */
export async function takeLock(
  fd: number,
  kind: 'shared' | 'exclusive',
  limitMs: number,
  message: string,
  instead = async () => false,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await tryLock(fd, kind))) {
    if (await instead()) return;
    if (Date.now() > deadline) throw new Error(message);
    await sleep(50);
  }
}

/**
 * flock(2), for which Node has no call: a child locks the open file that it shares with us, and the lock stays ours.
 * It ends when the last process that has this file open ends, however it does.
 */
export async function tryLock(fd: number, kind: 'shared' | 'exclusive'): Promise<boolean> {
  const flag = kind === 'shared' ? '-s' : '-x';
  const perl = 'open(my $f, "+<&=", 3) or die $!; exit !flock($f, LOCK_NB | ($ARGV[0] eq "-s" ? LOCK_SH : LOCK_EX))';
  const commands: [string, string[]][] = [
    ['flock', ['-n', flag, '3']],
    ['perl', ['-MFcntl=:flock', '-e', perl, '--', flag]], // macOS has no flock command
  ];
  for (const [command, args] of commands) {
    const done = await run(command, args, { fd }).catch((err: NodeJS.ErrnoException) => {
      if (err.code === 'ENOENT') return undefined;
      throw err;
    });
    if (done && done.code !== 0 && done.code !== 1) throw new Error(`${command} failed: ${done.output}`);
    if (done) return done.code === 0;
  }
  throw new Error(`the embedded Postgres needs the command flock: install util-linux, or set DATABASE_URL`);
}
