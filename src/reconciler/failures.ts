import { Refusal } from '../domain/errors.js';
import { NotLeading } from '../domain/lead.js';
import type { Logger } from '../log.js';

interface Failing {
  keys: Set<string>;
  /** How often it was met. */
  count: number;
}

/**
 * Tells of what fails once for each reason, however many fail by it and however often: an engine that is away stops every step. When the
 * last of them works again that is told, with how often it was met.
 */
export class Failures {
  /** Reason, without what names a single thing → those that fail by it now. */
  readonly #failing = new Map<string, Failing>();
  readonly #reasonOf = new Map<string, string>();

  constructor(readonly log: Logger) {}

  failed(key: string, err: unknown): void {
    const { log } = this;
    if (err instanceof NotLeading) {
      // Whoever leads now does it.
      log.debug({ key, why: err.message }, 'step refused');
      return;
    }
    const reason = unnamed(String(err));
    if (this.#reasonOf.get(key) !== reason) this.worked(key);
    this.#reasonOf.set(key, reason);
    const known = this.#failing.get(reason);
    if (known) {
      known.count++;
      known.keys.add(key);
      return;
    }
    this.#failing.set(reason, { keys: new Set([key]), count: 1 });
    if (err instanceof Refusal)
      log.warn({ key, why: err.message, fix: err.fix }, 'steps cannot be done now; they are tried again');
    else log.error({ err, key }, 'step failed; it is tried again');
  }

  /** It worked, or nobody wants it any more. */
  worked(key: string): void {
    const reason = this.#reasonOf.get(key);
    if (reason === undefined) return;
    this.#reasonOf.delete(key);
    const failing = this.#failing.get(reason);
    if (!failing?.keys.delete(key) || failing.keys.size > 0) return;
    this.#failing.delete(reason);
    if (failing.count > 1) this.log.info({ failures: failing.count, why: reason }, 'steps that failed work again');
  }
}

/** The same fault of two machines differs by their ids, names, ports and times. */
function unnamed(words: string): string {
  return words.replace(/[0-9a-f]{8,}(-[0-9a-f]{4,})*|\d+/gi, '…').slice(0, 300);
}
