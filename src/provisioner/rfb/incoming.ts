import type { Duplex } from 'node:stream';

/** Most that is read at once; more than a socket buffers by itself would make it grow. */
const PIECE_BYTES = 65_536;

/** The peer said something that the protocol does not allow, or more than we take. */
export class RfbFault extends Error {}

/** What comes in from the peer, read in the lengths that the protocol says. Reads nothing ahead, so a flood stays with the peer. */
export class Incoming {
  #wake = () => {};

  constructor(readonly socket: Duplex) {
    // Once and for all: each new listener for `readable` is told again of what is there already.
    for (const event of ['readable', 'end', 'close', 'error']) socket.on(event, () => this.#wake());
  }

  /** Exactly `length` bytes, at least 1 and at most `PIECE_BYTES`. @throws RfbFault  the peer hung up before. */
  async take(length: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.socket.read(length) as Buffer | null;
      if (bytes?.length === length) return bytes;
      if (bytes !== null || this.socket.readableEnded || this.socket.destroyed)
        throw this.socket.errored ?? new RfbFault('it hung up');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next `length` bytes in pieces, which may end anywhere. */
  async *pieces(length: number): AsyncGenerator<Buffer, void, undefined> {
    for (let left = length; left > 0; left -= PIECE_BYTES) yield this.take(Math.min(left, PIECE_BYTES));
  }

  /** Reads past `length` bytes. */
  async skip(length: number): Promise<void> {
    for await (const _piece of this.pieces(length));
  }
}
