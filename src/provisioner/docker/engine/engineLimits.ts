/** One request to the engine, as far as its limit goes. */
export interface EngineCall {
  method: string;
  /** Without a query. */
  path: string;
  /** What it was asked with. */
  options?: Readonly<Record<string, unknown>> | undefined;
}

/** What is answered at once, and what nobody thought of. */
const ASK_MS = 20_000;
/** What the engine has some work with; on a busy host that takes seconds. */
const CHANGE_MS = 60_000;
/** The engine's own part of a stop, on top of what the guest gets. */
const STOP_MARGIN_MS = 60_000;
/** A throw-away container's work is limited by whoever starts it; nothing takes this long. */
const WAIT_MS = 40 * 60_000;

/**
 * How long each kind of request may take: until it is answered, or, for one that answers with a stream, until that begins. What then
 * comes of a stream is limited by its reader (images.ts, watchEvents.ts, qga/client.ts).
 */
const LIMITS: readonly (readonly [
  method: string,
  path: RegExp,
  limitMs: (options: EngineCall['options']) => number,
])[] = [
  ['POST', /^\/containers\/create$/, () => CHANGE_MS],
  ['POST', /^\/containers\/[^/]+\/start$/, () => CHANGE_MS],
  ['POST', /^\/containers\/[^/]+\/stop$/, (options) => Number(options?.t ?? 10) * 1000 + STOP_MARGIN_MS],
  ['POST', /^\/containers\/[^/]+\/wait$/, () => WAIT_MS],
  ['DELETE', /^\/containers\/[^/]+$/, () => CHANGE_MS],
  ['POST', /^\/networks\/create$/, () => CHANGE_MS],
  ['POST', /^\/images\/create$/, () => CHANGE_MS],
];

/** In milliseconds; there is one for every request. */
export function engineLimit({ method, path, options }: EngineCall): number {
  const known = LIMITS.find(([itsMethod, itsPath]) => itsMethod === method && itsPath.test(path));
  return known?.[2](options) ?? ASK_MS;
}
