import type { IncomingMessage } from 'node:http';
import { ANYONE, type Caller } from '../domain/principal.js';

/** Who calls. Each request is looked at once, before anything is done for it; an edge that forgot to ask gets a fault, not data. */
export class Callers {
  readonly #known = new WeakMap<IncomingMessage, Caller>();

  enter(req: IncomingMessage): void {
    this.#known.set(req, { principal: ANYONE, address: req.socket.remoteAddress ?? '' });
  }

  /** @throws Error  it did not enter. */
  of(req: IncomingMessage): Caller {
    const caller = this.#known.get(req);
    if (caller === undefined) throw new Error('a request is answered that nobody has looked at');
    return caller;
  }
}
