import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** The state folder: small `windows.*` files next to the disk, all owned by the owner of the folder. */
export class Storage {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  sizeOf(name: string): number {
    return this.has(name) ? statSync(this.path(name)).size : 0;
  }

  read(name: string): string {
    return this.has(name) ? readFileSync(this.path(name), 'utf8').trim() : '';
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(this.path(name), content);
    this.own(name);
  }

  own(name: string): void {
    const { uid, gid } = statSync(this.folder);
    try {
      chownSync(this.path(name), uid, gid);
    } catch {
      // The real image only warns: some file systems know no owners.
    }
  }

  rename(from: string, to: string): void {
    renameSync(this.path(from), this.path(to));
  }

  makeFolder(name: string): void {
    mkdirSync(this.path(name), { recursive: true });
    this.own(name);
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true, force: true });
  }

  /** Whatever the clean-up of the real image takes for part of an installation. */
  stateFiles(): string[] {
    return readdirSync(this.folder).filter(
      (name) => /^(data\.|windows\.)|\.(rom|vars)$/i.test(name) && !/\.iso$/i.test(name),
    );
  }

  deleteState(): void {
    for (const name of this.stateFiles()) this.remove(name);
  }

  backUpState(name: string): void {
    let target = join('backups', name);
    for (let n = 1; this.has(target); n++) target = join('backups', `${name}.${n}`);
    mkdirSync(this.path(target), { recursive: true });
    this.own('backups');
    this.own(target);
    for (const file of this.stateFiles()) renameSync(this.path(file), this.path(join(target, file)));
  }
}
