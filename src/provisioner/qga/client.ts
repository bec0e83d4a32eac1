import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';

/** Resets the agent's parser, and stands before the answer to guest-sync-delimited. */
const DELIMITER = 0xff;
/** A call is answered at once; the guest may be busy. */
const CALL_LIMIT_MS = 15_000;
/** How long an agent that does not run is waited for. */
const SYNC_LIMIT_MS = 5_000;
/** The agent keeps 16 MiB of each output stream, which is a third more in base64. */
const MAX_LINE_BYTES = 48 * 2 ** 20;
const MAX_WORDS = 300;

/** The agent refused a call, in its own words made fit to be shown. */
export class QgaRefused extends Error {}

/** The agent is not there, does not answer in time, or breaks the protocol. */
export class QgaFault extends Error {}

type Reply = Record<string, unknown>;

/** One connection: calls are answered in their order, so they go one by one. What breaks the order ends the connection. */
export class QgaClient {
  readonly #stream: Duplex;
  #tail: Promise<unknown> = Promise.resolve();
  #pieces: Buffer[] = [];
  #bytes = 0;
  #hear: (line: Buffer) => void = () => {};
  #fault: QgaFault | undefined;
  #fail: (fault: QgaFault) => void = () => {};

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (piece: Buffer) => this.#take(piece));
    stream.on('error', (err) => this.close(`the connection broke: ${err.message}`));
    for (const event of ['end', 'close']) stream.on(event, () => this.close('the connection was closed'));
  }

  /** Finds out whether an agent listens, and brings it in step with us. */
  async sync(): Promise<void> {
    const id = randomInt(1, 2 ** 31);
    const asked = { execute: 'guest-sync-delimited', arguments: { id } };
    // What an earlier connection left may come first.
    await this.#ask(Buffer.concat([Buffer.of(DELIMITER), line(asked)]), SYNC_LIMIT_MS, ({ return: got }) => got === id);
  }

  /** @throws QgaRefused, QgaFault */
  async call(execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const reply = await this.#ask(line({ execute, arguments: args }), CALL_LIMIT_MS, () => true);
    if ('return' in reply) return reply.return;
    const { desc } = (reply.error ?? {}) as { desc?: unknown };
    throw new QgaRefused(fitToShow(typeof desc === 'string' ? desc : 'it did not say why'));
  }

  close(why = 'it was closed'): void {
    this.#fault ??= new QgaFault(why);
    this.#pieces = [];
    this.#stream.destroy();
    this.#fail(this.#fault);
  }

  #ask(message: Buffer, limitMs: number, isAnswer: (reply: Reply) => boolean): Promise<Reply> {
    const asked = this.#tail.then(() => this.#askNow(message, limitMs, isAnswer));
    this.#tail = asked.catch(() => {});
    return asked;
  }

  #askNow(message: Buffer, limitMs: number, isAnswer: (reply: Reply) => boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#fault) return reject(this.#fault);
      const timer = setTimeout(() => this.close(`no answer within ${limitMs / 1000} s`), limitMs);
      this.#fail = (fault) => {
        clearTimeout(timer);
        reject(fault);
      };
      this.#hear = (heard) => {
        const reply = parse(heard);
        if (reply === undefined || !isAnswer(reply)) return;
        clearTimeout(timer);
        this.#hear = () => {};
        this.#fail = () => {};
        resolve(reply);
      };
      this.#stream.write(message);
    });
  }

  #take(piece: Buffer): void {
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      const whole = Buffer.concat([...this.#pieces, piece.subarray(from, end)]);
      this.#pieces = [];
      this.#bytes = 0;
      from = end + 1;
      this.#hear(whole);
    }
    this.#bytes += piece.length - from;
    if (this.#bytes > MAX_LINE_BYTES) this.close('it sends more than can be taken');
    else if (from < piece.length) this.#pieces.push(piece.subarray(from));
  }
}

function line(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}

function parse(heard: Buffer): Reply | undefined {
  try {
    const reply: unknown = JSON.parse(heard.subarray(heard.lastIndexOf(DELIMITER) + 1).toString('utf8'));
    return typeof reply === 'object' && reply !== null ? (reply as Reply) : undefined;
  } catch {
    return undefined;
  }
}

function fitToShow(words: string): string {
  return words
    .slice(0, MAX_WORDS)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, ' ')
    .trim();
}
