import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const oemFolder = fileURLToPath(new URL('../../../oem', import.meta.url));
const recorderSource = fileURLToPath(new URL('recorder.c', import.meta.url));
const COMPILER = 'x86_64-w64-mingw32-gcc';
/** Programs of Windows that Wine lacks, or has as an empty shell, or (taskkill) without what the agent needs. */
const RECORDED = ['powercfg', 'w32tm', 'netsh', 'schtasks', 'msiexec', 'sc', 'net', 'taskkill', 'shutdown', 'route'];
/** A line of batch that starts install.bat as the image does, but waits for it. */
export const INSTALL = 'start "Install" /wait cmd.exe /d /c ""C:\\OEM\\install.bat""';
const START_LIMIT_MS = 60_000;

/**
 * A Windows of Wine's with the recorder in place of some programs, a folder behind \\host.lan\Data, and this repository's oem
 * folder as C:\OEM, as the image leaves it there.
 */
export class WineGuest {
  readonly share: string;
  readonly drive: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #processes: ChildProcess[] = [];

  /** `recorded`: further programs to replace. `env`: what the agent and its commands find in their environment. */
  constructor({ recorded = [], env = {} }: { recorded?: string[]; env?: Record<string, string> } = {}) {
    this.#folder = mkdtempSync(join(tmpdir(), 'vapiorc-wine-'));
    this.share = join(this.#folder, 'share');
    this.drive = join(this.#folder, 'prefix', 'drive_c');
    const programs = [...RECORDED, ...recorded];
    const { DISPLAY: _, WAYLAND_DISPLAY: __, ...inherited } = process.env;
    this.#env = {
      ...inherited,
      WINEPREFIX: join(this.#folder, 'prefix'),
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: ['mscoree,mshtml=', `${programs.map((name) => `${name}.exe`).join(',')}=n`].join(';'),
      VAPIORC_ENGINE: 'none',
      ...env,
    };
    mkdirSync(join(this.share, 'commands'), { recursive: true });
    this.#must('wineboot', ['-i']);
    // Nothing may hold the prefix while its files change; from then on the server stays until the end.
    this.#server('-k');
    this.#server('-w');
    const unc = join(this.#folder, 'prefix', 'dosdevices', 'unc', 'host.lan');
    mkdirSync(unc, { recursive: true });
    symlinkSync(this.share, join(unc, 'Data'));
    const exe = join(this.#folder, 'recorder.exe');
    const { status, stderr } = spawnSync(COMPILER, ['-O1', '-s', '-o', exe, recorderSource], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the recorder can't be compiled (Debian: gcc-mingw-w64-x86-64): ${stderr}`);
    for (const name of programs) {
      const target = join(this.drive, 'windows', 'system32', `${name}.exe`);
      rmSync(target, { force: true });
      cpSync(exe, target);
    }
    cpSync(oemFolder, join(this.drive, 'OEM'), { recursive: true });
    this.#server('-p');
  }

  #must(command: string, args: string[]): void {
    // Into a file: Wine's services inherit a pipe and hold it open.
    const log = openSync(join(this.#folder, 'wine.log'), 'a');
    const { status, error } = spawnSync(command, args, {
      env: this.#env,
      stdio: ['ignore', log, log],
      timeout: START_LIMIT_MS,
    });
    closeSync(log);
    if (error !== undefined) throw new Error(`${command} did not run (Debian: wine, wine64)`, { cause: error });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} gave ${status}: ${this.output}`);
  }

  #server(option: '-p' | '-k' | '-w'): void {
    // The server stays, and with it a pipe would.
    spawnSync('wineserver', [option], { env: this.#env, stdio: 'ignore', timeout: START_LIMIT_MS });
  }

  /** What Wine's programs printed. */
  get output(): string {
    return readFileSync(join(this.#folder, 'wine.log'), 'utf8');
  }

  /** Runs lines of batch; resolves with the exit code. */
  async batch(...lines: string[]): Promise<number> {
    const name = `run${Math.random().toString(36).slice(2)}.cmd`;
    this.write(name, `@echo off\r\n${lines.join('\r\n')}\r\n`);
    return this.#run('wine', ['cmd.exe', '/d', '/c', `C:\\${name}`]);
  }

  /** A start of Windows with a logon: what the Run key has is started. */
  async boot(): Promise<void> {
    await this.#run('wineboot', []);
  }

  /** Everything stops at once, as when the plug is pulled. */
  async pullPlug(): Promise<void> {
    this.#server('-k');
    this.#server('-w');
    this.#server('-p');
  }

  #run(command: string, args: string[]): Promise<number> {
    const log = openSync(join(this.#folder, 'wine.log'), 'a');
    const child = spawn(command, args, { env: this.#env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#processes.push(child);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? -1));
    });
  }

  /** A file of C:, or undefined. */
  read(path: string): string | undefined {
    const file = join(this.drive, path);
    return existsSync(file) ? readFileSync(file, 'latin1') : undefined;
  }

  write(path: string, text: string): void {
    const file = join(this.drive, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text, 'latin1');
  }

  remove(path: string): void {
    rmSync(join(this.drive, path), { recursive: true, force: true });
  }

  /** What the recorder was called with since the last time that this was asked. */
  recorded(): string[] {
    const lines = (this.read('recorded.txt') ?? '').split('\n').filter(Boolean);
    this.remove('recorded.txt');
    return lines;
  }

  /** From now on the recorder gives these exit codes to command lines with these texts. */
  exitCodes(codes: Record<string, number>): void {
    this.write(
      'recorder/codes.txt',
      Object.entries(codes)
        .map(([text, code]) => `${code} ${text}\n`)
        .join(''),
    );
  }

  close(): void {
    this.#server('-k');
    this.#server('-w');
    for (const child of this.#processes) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
