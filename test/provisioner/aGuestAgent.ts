import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Duplex, duplexPair } from 'node:stream';

interface Run {
  child: ChildProcess;
  out: Buffer[];
  err: Buffer[];
  exit: { exitcode?: number; signal?: number } | undefined;
}
type Args = Record<string, unknown> & { path: string; arg: string[]; handle: number; pid: number; id: number };

const made = new Set<string>();

/** What a script left here, whose agent did not run the removal of it. For the end of a test file. */
export function removeGuestFiles(): void {
  for (const path of made) rmSync(path, { force: true });
}

/**
 * Answers as qemu-ga does, and runs what it is told to on this computer. `before` may answer in its place: a line, or nothing at all
 * (null).
 */
export function aGuestAgent(before?: (execute: string, args: Args) => string | null | undefined): Duplex {
  const [ours, theirs] = duplexPair();
  const files: string[] = [];
  const runs = new Map<number, Run>();
  const calls: Record<string, (args: Args) => unknown> = {
    'guest-get-osinfo': () => ({ id: 'debian' }),
    'guest-file-open': ({ path }) => {
      writeFileSync(path, '');
      made.add(path);
      return files.push(path) - 1;
    },
    'guest-file-write': ({ handle, 'buf-b64': text }) =>
      appendFileSync(files[handle] ?? '', Buffer.from(String(text), 'base64')),
    'guest-file-close': () => ({}),
    'guest-exec': ({ path, arg }) => {
      const child = spawn(path, arg, { stdio: ['ignore', 'pipe', 'pipe'] });
      const run: Run = { child, out: [], err: [], exit: undefined };
      child.stdout.on('data', (piece: Buffer) => run.out.push(piece));
      child.stderr.on('data', (piece: Buffer) => run.err.push(piece));
      child.on('close', (code) => {
        run.exit = code === null ? { signal: 9 } : { exitcode: code };
      });
      runs.set(child.pid ?? 0, run);
      return { pid: child.pid };
    },
    'guest-exec-status': ({ pid }) => {
      const { exit, out = [], err = [] } = runs.get(pid) ?? {};
      if (exit === undefined) return { exited: false };
      const data = (pieces: Buffer[]) => Buffer.concat(pieces).toString('base64');
      return { exited: true, ...exit, 'out-data': data(out), 'err-data': data(err) };
    },
  };
  let text = '';
  theirs.on('error', () => {});
  theirs.on('data', (piece: Buffer) => {
    text += piece.toString('latin1').replaceAll('\xff', '');
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const { execute, arguments: args } = JSON.parse(text.slice(0, end)) as { execute: string; arguments: Args };
      text = text.slice(end + 1);
      const instead = before?.(execute, args);
      if (instead === null) continue;
      if (instead !== undefined) theirs.write(Buffer.from(instead, 'latin1'));
      else if (execute === 'guest-sync-delimited') theirs.write(Buffer.from(`\xff{"return": ${args.id}}\n`, 'latin1'));
      else theirs.write(`${JSON.stringify({ return: calls[execute]?.(args) ?? {} })}\n`);
    }
  });
  return ours;
}
