import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { runtimeFile } from '../runtimeFile.js';

const prompt = 'qemu-io> ';

/**
 * Holds one image open with the real qemu-io: QEMU's own locks, backing chain, copy-on-write and error texts, without
 * a machine around it.
 */
export class DiskProcess {
  readonly #child: ChildProcess;
  readonly #opened: Promise<void>;
  readonly exited: Promise<number>;
  #output = '';
  #waiting: ((output: string) => void) | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    readonly path: string,
    format: 'raw' | 'qcow2',
    { cache, io }: { cache: string; io: string },
  ) {
    // Without detect-zeroes and discard, which only matter to a guest's file system.
    const args = ['-t', cache, '-i', io, ...(format === 'qcow2' ? ['-f', 'qcow2', path] : exclusiveRaw(path))];
    this.#child = spawn('qemu-io', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    if (this.#child.stderr) {
      const complaints = createInterface({ input: this.#child.stderr });
      complaints.on('line', (line) => process.stderr.write(`${line.replace(/^qemu-io:/, 'qemu-system-x86_64:')}\n`));
    }
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.on('data', (text: Buffer) => {
      this.#output += text;
      if (!this.#output.endsWith(prompt)) return;
      const output = this.#output.slice(0, -prompt.length);
      this.#output = '';
      this.#waiting?.(output);
    });
    this.#opened = new Promise((resolve) => {
      this.#waiting = () => resolve();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve(127));
      this.#child.once('close', (code, signal) => resolve(signal === 'SIGKILL' ? 137 : (code ?? 143)));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** False: the image could not be opened or locked; QEMU's reason is on stderr. */
  opened(): Promise<boolean> {
    return Promise.race([this.#opened.then(() => true), this.exited.then(() => false)]);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const dump = await this.#command(`read -v ${offset} ${length}`);
    const rows = [...dump.matchAll(/^[0-9a-f]{8,}: {2}((?:[0-9a-f]{2} )+)/gm)];
    const data = Buffer.from(rows.map(([, hex]) => hex?.replaceAll(' ', '')).join(''), 'hex');
    if (data.length !== length) throw new Error(`read of ${this.path} failed: ${dump}`);
    return data;
  }

  /** On disk when it returns: a power cut afterwards loses nothing. */
  async write(offset: number, data: Buffer): Promise<void> {
    const source = runtimeFile.path(`standin.write.${offset}`);
    writeFileSync(source, data);
    const answer = await this.#command(`write -q -s ${source} ${offset} ${data.length}`);
    rmSync(source);
    if (answer.trim()) throw new Error(`write to ${this.path} failed: ${answer}`);
    await this.#command('flush');
  }

  /** Flushes and closes, as QEMU does when it quits. */
  quit(): void {
    this.#child.stdin?.end('quit\n');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #command(text: string): Promise<string> {
    const answer = this.#queue.then(
      () =>
        new Promise<string>((resolve) => {
          this.#waiting = resolve;
          this.#child.stdin?.write(`${text}\n`);
        }),
    );
    this.#queue = answer;
    return answer;
  }
}

/** qemu-io shares raw images with every writer, a disk of a machine does not: blkdebug takes the lock that is missing. */
function exclusiveRaw(path: string): string[] {
  const file = `file.image.driver=file,file.image.filename=${path},file.unshare-child-perms.0=write`;
  return ['--image-opts', `driver=raw,file.driver=blkdebug,${file}`];
}
