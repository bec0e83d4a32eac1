/** What a way of carrying hints has to do. It reconnects by itself, for ever, until it is closed. */
export interface Transport {
  /** Rejects, within seconds, when the hint could not be handed over. */
  send(seq: bigint): Promise<void>;
  close(): Promise<void>;
}

/** What it tells the bus. `up` comes only when hints of others arrive again; repeated ones change nothing but the flaw. */
export interface TransportEvents {
  hint(seq: bigint): void;
  /** `flaw`: what keeps it from being as good as it should be, with the fix. */
  up(flaw?: string): void;
  down(reason: string): void;
}
