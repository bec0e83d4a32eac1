/**
 * The right of one server to act for all: to change machines, disks, and rows on nobody's order. It is had for a term, whose number
 * grows with each server that takes over. A server that was frozen does not know that it lost it, so it asks right before it acts.
 */
export interface Lead {
  readonly term: bigint;
  /**
   * Asked at the last moment before each change of the world. What is changed then must be what was seen before it was asked: the
   * process may be frozen again behind it.
   * @throws NotLeading, Unavailable
   */
  confirm(): Promise<void>;
}

/** Another server leads by now, or none. What was to be done is its to do. */
export class NotLeading extends Error {
  constructor(term: bigint) {
    super(`term ${term} of this server's lead is over`);
  }
}
