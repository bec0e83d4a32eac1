import { setTimeout as sleep } from 'node:timers/promises';
import { encodeKeyValues } from '../keyValues.js';
import type { Network } from '../network.js';
import { type Answer, postKeyValues } from './postKeyValues.js';

type Values = Readonly<Record<string, string | undefined>>;

interface Wiring {
  readonly network: Network;
  /** The content of guest.cfg as it is now, or undefined. */
  readonly readConfig: () => Map<string, string> | undefined;
  /** A pause of the protocol in ms, divided by the stand-in's speed. */
  readonly scaledMs: (ms: number) => number;
  readonly longestPauseMs: number;
  /** Resolves when the virtual processors are not paused. */
  readonly whenRunning: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** The guest's line to the server: which URL, how often to try, what a status means. */
export class ServerLink {
  readonly #wiring: Wiring;
  #config = new Map<string, string>();
  #url: string | undefined;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
  }

  get role(): string {
    return this.#config.get('role') ?? 'vm';
  }

  /** Waits, for ever, until guest.cfg is there. */
  async configure(): Promise<void> {
    for (;;) {
      const config = this.#wiring.readConfig();
      if (config?.get('server') && config.get('token')) {
        this.#config = config;
        this.#url = undefined;
        return;
      }
      await this.#pause(1000);
    }
  }

  /** Calls until it is answered; `values` is asked again for every try. Undefined: refused for good, drop it. */
  async call(name: string, values: () => Values, waitSeconds = 0): Promise<Map<string, string> | undefined> {
    for (let pauseMs = this.#wiring.scaledMs(1000); ; pauseMs = Math.min(pauseMs * 2, this.#wiring.longestPauseMs)) {
      const answer = await this.callOnce(name, values(), waitSeconds);
      const status = answer?.status ?? 0;
      if (answer && status >= 200 && status < 300) return answer.values;
      if (status === 400 || status === 413) return undefined;
      if (answer && status === 429) await this.#pause(answer.retryAfterSeconds * 1000);
      else if (status === 401 || status === 404 || status === 410) {
        await this.#pause(30_000);
        await this.configure();
      } else await sleep(pauseMs, undefined, { signal: this.#wiring.signal });
    }
  }

  /** One try at each URL; undefined: none answered. */
  async callOnce(name: string, values: Values, waitSeconds = 0): Promise<Answer | undefined> {
    const { network, signal, whenRunning } = this.#wiring;
    await whenRunning();
    const given = [this.#config.get('server'), this.#config.get('fallback')];
    const urls = [...new Set([this.#url, ...given])].filter((url): url is string => Boolean(url));
    for (const base of urls) {
      const url = new URL(`${base.replace(/\/+$/, '')}/guest/v1/${name}`);
      const token = this.#config.get('token') ?? '';
      const limitMs = (waitSeconds + 10) * 1000;
      const call = { url, token, body: encodeKeyValues(values), network, limitMs, signal };
      const answer = await postKeyValues(call).catch(() => undefined);
      signal.throwIfAborted();
      if (!answer) continue;
      this.#url = base;
      await whenRunning(); // a guest that was paused meanwhile reads the answer when it goes on
      return answer;
    }
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    return sleep(this.#wiring.scaledMs(ms), undefined, { signal: this.#wiring.signal });
  }
}
