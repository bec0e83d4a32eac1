import { appendFileSync, chmodSync, closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';

const chunkBytes = 1024 * 1024;

/** A file on the guest's own disk that a command writes, and its copy on the share, which only ever grows. */
export class CopiedStream {
  readonly #own: string;
  readonly #copy: string | undefined;
  copiedBytes = 0;

  constructor(own: string, copy: string | undefined) {
    this.#own = own;
    this.#copy = copy;
  }

  get bytes(): number {
    return statSync(this.#own).size;
  }

  /** Brings the copy up to date, unless the stream has more than `limitBytes`. False: the share takes nothing. */
  copy(limitBytes = Number.POSITIVE_INFINITY): boolean {
    if (!this.#copy) return false;
    const { bytes } = this;
    if (bytes > limitBytes) return true;
    try {
      for (let chunk = this.#read(bytes); chunk.length > 0; chunk = this.#read(bytes)) {
        appendFileSync(this.#copy, chunk);
        this.copiedBytes += chunk.length;
      }
      if (bytes === 0) appendFileSync(this.#copy, '');
      chmodSync(this.#copy, 0o666);
      return true;
    } catch {
      return false;
    }
  }

  /** The beginning as text. */
  text(limitCharacters: number): string {
    return readFileSync(this.#own)
      .subarray(0, limitCharacters * 4)
      .toString('utf8')
      .slice(0, limitCharacters);
  }

  #read(upTo: number): Buffer {
    const buffer = Buffer.alloc(Math.min(chunkBytes, upTo - this.copiedBytes));
    const fd = openSync(this.#own, 'r');
    const length = readSync(fd, buffer, 0, buffer.length, this.copiedBytes);
    closeSync(fd);
    return buffer.subarray(0, length);
  }
}
