import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** An image being put together: programs from an unpacked system, each with the libraries it loads. */
export class RootFolder {
  constructor(
    readonly folder: string,
    readonly source: string,
  ) {
    // Merged /usr, as in Debian: library paths such as /lib/x86_64-linux-gnu stay true.
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      mkdirSync(join(folder, 'usr', name), { recursive: true });
      symlinkSync(`usr/${name}`, join(folder, name));
    }
    for (const name of ['tmp', 'run', 'etc', 'proc', 'sys', 'dev', 'root', 'storage', 'var/lib/misc', 'var/tmp']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    chmodSync(join(folder, 'tmp'), 0o1777);
    symlinkSync('/dev/shm', join(folder, 'run/shm'));
    symlinkSync('/run', join(folder, 'var/run'));
  }

  /** Copies a program of the unpacked system, with its libraries; `as` gives it another path. */
  async add(path: string, as = path): Promise<void> {
    const from = [path, path.replace(/^\/usr/, '')].map((candidate) => join(this.source, candidate)).find(existsSync);
    if (!from) throw new Error(`${path} is in none of the Debian packages`);
    this.copy(from, as);
    await this.#addLibraries(from, this.source);
  }

  /** The node that runs this script, with the libraries of this machine. */
  async addNode(): Promise<void> {
    this.copy(realpathSync(process.execPath), '/usr/bin/node');
    await this.#addLibraries(process.execPath, '/');
  }

  copy(from: string, to: string): void {
    const target = join(this.folder, to);
    if (existsSync(target)) return;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(from, target);
  }

  async #addLibraries(program: string, system: string): Promise<void> {
    const folders = [
      'lib/x86_64-linux-gnu',
      'usr/lib/x86_64-linux-gnu',
      'usr/lib',
      'usr/lib/x86_64-linux-gnu/samba',
    ].map((name) => join(system, name));
    // The loader of that system lists what it would load; a static program is refused and needs nothing.
    const loader = join(system, 'lib64/ld-linux-x86-64.so.2');
    const inside = existsSync(loader) ? loader : join(system, 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2');
    const listed = await run(inside, ['--library-path', folders.join(':'), '--list', program]).catch(() => undefined);
    if (!listed) return;
    this.copy(inside, '/usr/lib64/ld-linux-x86-64.so.2');
    for (const [, library] of listed.stdout.matchAll(/=> (\/\S+)/g)) {
      if (!library) continue;
      this.copy(realpathSync(library), `/usr/lib/x86_64-linux-gnu/${library.split('/').pop()}`);
    }
  }
}
