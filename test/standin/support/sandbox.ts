import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify, stripVTControlCharacters } from 'node:util';
import { STUB_TAG } from '../buildStandIns.js';
import { docker } from '../docker.js';

const run = promisify(execFile);

export interface Start {
  readonly image: string;
  readonly storage: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly string[];
  readonly readOnly?: boolean;
  /** Without it the container has no NET_ADMIN, so the guest gets a user-mode network. */
  readonly nat?: boolean;
}

/** Folders and containers of one test file; `clear` removes every one of them. */
export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'standin-test-'));
  readonly #containers: string[] = [];
  #folders = 0;

  makeFolder(name: string): string {
    const path = join(this.folder, `${name}-${++this.#folders}`);
    mkdirSync(path);
    return path;
  }

  /** An overlay on `golden` and the small files that a clone needs. */
  async clone(golden: string, files = ['windows.boot', 'windows.vars', 'windows.base']): Promise<string> {
    const storage = this.makeFolder('clone');
    for (const name of files) copyFileSync(join(golden, name), join(storage, name));
    const image = join(storage, 'data.qcow2');
    await run('qemu-img', [
      'create',
      '-q',
      '-u',
      '-f',
      'qcow2',
      '-F',
      'qcow2',
      '-b',
      '/golden/data.qcow2',
      image,
      '64G',
    ]).catch(() => this.#createOverlay(storage));
    return storage;
  }

  async start({ image, storage, env = {}, mounts = [], readOnly = false, nat = true }: Start): Promise<string> {
    const variables = Object.entries({ KVM: 'N', DISK_FMT: 'qcow2', ...env }).flatMap(([key, value]) => [
      '-e',
      `${key}=${value}`,
    ]);
    const volumes = [`${storage}:/storage${readOnly ? ':ro' : ''}`, ...mounts].flatMap((mount) => ['-v', mount]);
    const rights = nat ? ['--cap-add', 'NET_ADMIN', '--device', '/dev/net/tun'] : [];
    const options = ['--label', 'vapiorc.standin.test=1', ...variables, ...volumes, ...rights];
    const id = await docker('run', '-d', ...options, image);
    this.#containers.push(id);
    return id;
  }

  /** Starts a container that ends by itself; returns its exit code and its log. */
  async runToEnd(start: Start): Promise<{ code: number; log: string }> {
    const id = await this.start(start);
    const code = Number(await docker('wait', id));
    return { code, log: await this.log(id) };
  }

  /** Both streams without colours. */
  async log(id: string): Promise<string> {
    const { stdout, stderr } = await run('docker', ['logs', id], { maxBuffer: 64 * 1024 * 1024 });
    return stripVTControlCharacters(`${stdout}\n${stderr}`);
  }

  async waitForLog(id: string, pattern: RegExp, limitMs = 40_000): Promise<string> {
    return waitFor(`${pattern} in the log`, limitMs, async () => {
      const log = await this.log(id);
      return pattern.test(log) ? log : undefined;
    });
  }

  async address(id: string): Promise<string> {
    return docker('inspect', '--format', '{{.NetworkSettings.IPAddress}}', id);
  }

  async clear(): Promise<void> {
    if (this.#containers.length > 0) await docker('rm', '-f', '-v', ...this.#containers);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** For machines without qemu-img: the image has one. */
  async #createOverlay(storage: string): Promise<void> {
    const overlay = ['-f', 'qcow2', '-F', 'qcow2', '-b', '/golden/data.qcow2', '/storage/data.qcow2', '64G'];
    const container = ['--rm', '-v', `${storage}:/storage`, '--entrypoint', 'qemu-img', STUB_TAG];
    await docker('run', ...container, 'create', '-q', '-u', ...overlay);
  }
}

export async function waitFor<T>(what: string, limitMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const endAt = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > endAt) throw new Error(`not seen within ${limitMs} ms: ${what}`);
    await sleep(50);
  }
}

/** One exchange over TCP: the first answer, or undefined when the connection is refused or nothing comes. */
export function exchange(
  host: string,
  port: number,
  question: string | Buffer,
  limitMs = 5000,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer?: Buffer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(limitMs, () => end());
    socket.once('connect', () => socket.write(question));
    socket.once('data', (answer) => end(answer));
    socket.once('error', () => end());
    socket.once('close', () => end());
  });
}

/** Asks the guest's command service, waiting until it is there. */
export async function ask(host: string, command: string, limitMs = 40_000): Promise<string> {
  const answer = await waitFor(`an answer to "${command}"`, limitMs, () => exchange(host, 7777, `${command}\n`));
  return answer.toString().trim();
}
