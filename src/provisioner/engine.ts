import Docker from 'dockerode';

/** Longest time one ordinary request may take. A start on a busy host takes seconds. */
const REQUEST_TIMEOUT_MS = 60_000;

export interface Engine {
  /** For requests that are answered at once: gives up after a minute without a byte. */
  quick: Docker;
  /** For requests that last: stop, pull, wait, events. The caller limits them. */
  patient: Docker;
}

/** The one door to the Docker Engine. */
export function openEngine(socketPath: string): Engine {
  // host: undefined keeps DOCKER_HOST of the environment from winning over the socket that was configured.
  const options = { socketPath, host: undefined };
  return { quick: new Docker({ ...options, timeout: REQUEST_TIMEOUT_MS }), patient: new Docker(options) };
}

/** The engine's HTTP status behind a fault of dockerode, if it answered at all. */
export function statusOf(fault: unknown): number | undefined {
  return fault instanceof Error && 'statusCode' in fault && typeof fault.statusCode === 'number'
    ? fault.statusCode
    : undefined;
}

/** Undefined where the engine says that there is no such thing. */
export async function unlessGone<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (fault) {
    if (statusOf(fault) === 404) return undefined;
    throw fault;
  }
}
