import type { DiskProcess } from './diskProcess.js';

// The tiny Linux of the other stand-in keeps its data at the same place in the same form.
const offset = 64 * 1024 * 1024;
const length = 16 * 1024;
const mark = 'STANDIN1';

/** What the guest keeps on its disk: `key=value` lines without blanks, found again through every backing file. */
export class GuestDisk {
  readonly #disk: DiskProcess;
  #values = new Map<string, string>();
  /** One read or write at a time: a read that overtakes a write would forget what is being written. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(disk: DiskProcess) {
    this.#disk = disk;
  }

  load(): Promise<void> {
    return this.#inTurn(() => this.#load());
  }

  async #load(): Promise<void> {
    const text = (await this.#disk.read(offset, length)).toString('latin1').replace(/\0.*$/s, '');
    this.#values = new Map();
    if (!text.startsWith(mark)) return;
    for (const line of text.split('\n').slice(1)) {
      const at = line.indexOf('=');
      if (at > 0) this.#values.set(line.slice(0, at), line.slice(at + 1));
    }
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  set(values: Record<string, string>): Promise<void> {
    return this.#inTurn(() => this.#set(values));
  }

  async #set(values: Record<string, string>): Promise<void> {
    for (const [key, value] of Object.entries(values)) this.#values.set(key, value);
    const lines = [...this.#values].map(([key, value]) => `${key}=${value}\n`);
    const block = Buffer.alloc(length);
    block.write(`${mark}\n${lines.join('')}`, 'latin1');
    await this.#disk.write(offset, block);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** A disk that a firmware would boot: without it the first 100 KiB would be blank. */
  async writeBootSector(): Promise<void> {
    const sector = Buffer.alloc(512);
    sector.write('STANDIN GUEST DISK');
    sector.writeUInt16LE(0xaa55, 510);
    await this.#disk.write(0, sector);
  }

  async isBootable(): Promise<boolean> {
    return (await this.#disk.read(0, 512)).readUInt16LE(510) === 0xaa55;
  }
}
