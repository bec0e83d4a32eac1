import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CopiedStream } from './copiedStream.js';
import { guestPath } from './guestPath.js';

/** What `do=run` says. */
export interface CommandOrder {
  readonly id: string;
  readonly command: string;
  readonly timeoutSeconds: number;
  readonly directory: string;
  readonly script: string;
}

/** Where a command's files are on the share, as far as there is one. */
interface Shared {
  readonly script: string | undefined;
  /** Folder for the copies of the output. */
  readonly copies: string | undefined;
}

export type Result = Readonly<Record<string, string>>;

const streamedBytes = 262_144;
const copyEveryMs = 1000;
const textCharacters = 65_536;
/** A text of other alphabets is up to nine times as long when it is encoded, and a result may have 512 KiB. */
const encodedCharacters = 240_000;

/** One command while it runs: a shell of its own in a process group of its own, with its output in files. */
export class GuestCommand {
  readonly #streams: { readonly stdout: CopiedStream; readonly stderr: CopiedStream };
  readonly #child: ChildProcess;
  #endedBy: 'timeout' | 'cancelled' | undefined;
  #copiedAt = Date.now();
  readonly result: Promise<Result>;

  /** Throws when the command can't be started. */
  constructor(order: CommandOrder, folder: string, shared: Shared) {
    const directory = guestPath(order.directory);
    if (!existsSync(directory) || !statSync(directory).isDirectory()) throw new Error(`no folder ${order.directory}`);
    const script = join(folder, 'job.sh');
    // Lines with @ are for cmd.exe: its code page, its echo.
    writeFileSync(script, `${readScript(order, shared.script).replace(/\r$/gm, '').replace(/^@.*$/gm, '')}\n`);
    const stream = (name: string) => new CopiedStream(join(folder, name), shared.copies && join(shared.copies, name));
    const outputs = ['stdout', 'stderr'].map((name) => openSync(join(folder, name), 'w'));
    this.#streams = { stdout: stream('stdout'), stderr: stream('stderr') };
    this.#child = spawn('sh', [script], { cwd: directory, detached: true, stdio: ['ignore', ...outputs] });
    for (const fd of outputs) closeSync(fd);

    const timer = setTimeout(() => this.end('timeout'), order.timeoutSeconds * 1000);
    this.result = new Promise((resolve) => {
      this.#child.once('error', (err) => resolve({ state: 'failed', reason: err.message }));
      this.#child.once('exit', (code, signal) => resolve(this.#ended(code, signal)));
    }).then((state) => {
      clearTimeout(timer);
      return { ...(state as Result), ...this.#output() };
    });
  }

  /** Copies what has grown, once a second at most; returns how much of both streams lies on the share. */
  stream(): string {
    const { stdout, stderr } = this.#streams;
    if (Date.now() - this.#copiedAt >= copyEveryMs) {
      this.#copiedAt = Date.now();
      for (const one of [stdout, stderr]) one.copy(streamedBytes);
    }
    return `${stdout.copiedBytes},${stderr.copiedBytes}`;
  }

  /** Ends it with all its children. */
  end(why: 'timeout' | 'cancelled'): void {
    if (!this.#child.pid || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#endedBy ??= why;
    process.kill(-this.#child.pid, 'SIGKILL');
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): Result {
    if (this.#endedBy) return { state: this.#endedBy };
    return { state: 'exited', exit: String(code ?? (signal === 'SIGKILL' ? 137 : 143)) };
  }

  #output(): Result {
    const { stdout, stderr } = this.#streams;
    const sizes = { stdout: String(stdout.bytes), stderr: String(stderr.bytes) };
    if (stdout.copy() && stderr.copy()) return { ...sizes, via: 'share' };
    return { ...sizes, via: 'here', 'stdout.text': beginning(stdout), 'stderr.text': beginning(stderr) };
  }
}

function readScript({ script, command }: CommandOrder, shared: string | undefined): string {
  if (script !== 'share' || !shared) return command;
  try {
    return readFileSync(shared, 'utf8');
  } catch {
    return command;
  }
}

function beginning(stream: CopiedStream): string {
  let text = stream.text(textCharacters);
  while (encodeURIComponent(text.toWellFormed()).length > encodedCharacters) {
    text = text.slice(0, Math.floor(text.length / 2));
  }
  return text;
}
