/** The guest's clock: the container's, wrong by STANDIN_CLOCK_SKEW_SECONDS until the server has set it. */
export class GuestClock {
  #aheadMs: number;

  constructor(skewSeconds: number) {
    this.#aheadMs = skewSeconds * 1000;
  }

  /** UTC, as the protocol writes it. */
  get text(): string {
    return new Date(Date.now() + this.#aheadMs).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  set(utcMs: number): void {
    this.#aheadMs = utcMs - Date.now();
  }
}
