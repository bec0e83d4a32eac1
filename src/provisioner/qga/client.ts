import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';

/** Resets the agent's parser, and stands before the answer to guest-sync-delimited. */
const DELIMITER = 0xff;
/** A call is answered at once; the guest may be busy. */
const CALL_LIMIT_MS = 15_000;
/** How long an agent that does not run is waited for. */
const SYNC_LIMIT_MS = 5_000;
/** For one call. The agent keeps 16 MiB of each output stream, which is a third more in base64. */
const MAX_BYTES = 48 * 2 ** 20;
/** For one call, whose answer is one line. Others may be left over from an earlier connection. */
const MAX_LINES = 100;
const MAX_WORDS = 300;
/** Answers have a few dozen; the output of a program is base64, which has none. Millions would be gigabytes of objects. */
const PARTS: readonly number[] = ['[', '{', ','].map((sign) => sign.charCodeAt(0));
const MAX_PARTS = 1_000;

/** The agent refused a call, in its own words made fit to be shown. */
export class QgaRefused extends Error {}

/** The agent is not there, does not answer in time, or breaks the protocol. */
export class QgaFault extends Error {}

const TOO_MUCH = 'it sends more than can be taken';

type Reply = Record<string, unknown>;

/** One connection: calls are answered in their order, so they go one by one. What breaks the order ends the connection. */
export class QgaClient {
  readonly #stream: Duplex;
  #tail: Promise<unknown> = Promise.resolve();
  #pieces: Buffer[] = [];
  /** What came since the last call was made, with what was held of an unfinished line then. */
  #bytes = 0;
  #lines = 0;
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
      this.#bytes = this.#pieces.reduce((bytes, piece) => bytes + piece.length, 0);
      this.#lines = 0;
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
    if (this.#fault) return;
    this.#bytes += piece.length;
    let isTooMuch = this.#bytes > MAX_BYTES;
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0 && !isTooMuch; end = piece.indexOf(10, from)) {
      const whole = Buffer.concat([...this.#pieces, piece.subarray(from, end)]);
      this.#pieces = [];
      from = end + 1;
      isTooMuch = ++this.#lines > MAX_LINES || hasTooManyParts(whole);
      if (!isTooMuch) this.#hear(whole);
    }
    if (isTooMuch) this.close(TOO_MUCH);
    else if (from < piece.length) this.#pieces.push(piece.subarray(from));
  }
}

function hasTooManyParts(whole: Buffer): boolean {
  let left = MAX_PARTS;
  for (const sign of PARTS)
    for (let at = whole.indexOf(sign); at >= 0; at = whole.indexOf(sign, at + 1)) if (--left < 0) return true;
  return false;
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
