/** Keeps proxies from holding a stream back or changing it: nginx would show nothing of it, not even its headers, for minutes. */
export const EVENT_STREAM_HEADERS = { 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no' } as const;

/** Some proxies and clients take a connection that is silent for 10 s for dead. */
export const KEEP_ALIVE_MS = 8_000;
