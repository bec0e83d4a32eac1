import type { Duplex } from 'node:stream';
import Docker from 'dockerode';
import { deadline, Late } from '../../../primitives/deadline.js';
import { type EngineCall, engineLimit } from './engineLimits.js';

/** The Docker Engine. Each request to it has a limit in time. */
export type Engine = Docker;

/** It did not answer in time. Whether it did what was asked is not known. */
export class EngineLate extends Error {
  constructor({ method, path }: EngineCall, limitMs: number) {
    super(`no answer to ${method} ${path} within ${limitMs / 1000} s`);
  }
}

/** What answered is no engine. */
export class NoEngine extends Error {}

/** What dockerode asks its HTTP client. */
interface Dial {
  path: string;
  method: string;
  options?: Record<string, unknown>;
  abortSignal?: AbortSignal;
  isStream?: boolean;
}
type Told = (fault: unknown, answer?: unknown) => void;

/** The one door to the Docker Engine. `limitOf`: only a test gives another. */
export function openEngine(socketPath: string, limitOf: (call: EngineCall) => number = engineLimit): Engine {
  // host: undefined keeps DOCKER_HOST of the environment from winning over the socket that was configured.
  const engine = new Docker({ socketPath, host: undefined });
  const modem = engine.modem as { dial: (asked: Dial, told: Told) => void };
  const dial = modem.dial.bind(modem);
  modem.dial = (asked, told) => {
    const call = { method: asked.method, path: asked.path.replace(/\?.*/, ''), options: asked.options };
    const limitMs = limitOf(call);
    const { signal, done } = deadline(limitMs, asked.abortSignal);
    // dockerode is silent where an answer breaks off in its middle: then the limit itself is told.
    let isTold = false;
    const tell: Told = (fault, answer) => {
      if (isTold) return;
      isTold = true;
      done();
      signal.removeEventListener('abort', end);
      told(fault, answer);
    };
    const why = () => {
      const isOurs = signal.reason instanceof Late && signal.reason !== asked.abortSignal?.reason;
      return isOurs ? new EngineLate(call, limitMs) : signal.reason;
    };
    const end = () => tell(why());
    if (!signal.aborted) signal.addEventListener('abort', end);
    dial({ ...asked, abortSignal: signal }, (fault, answer) => {
      if (fault && signal.aborted) return tell(why());
      if (!fault && !asked.isStream && isStrange(call, answer))
        return tell(new NoEngine(`no answer of an engine to ${call.path}`));
      if (asked.isStream && asked.abortSignal && !fault) endWith(answer as Duplex, asked.abortSignal);
      tell(fault, answer);
    });
  };
  return engine;
}

/** dockerode hands over as bytes what is no JSON. Of an engine only logs are that, and an answer without content. */
function isStrange({ path }: EngineCall, answer: unknown): boolean {
  return Buffer.isBuffer(answer) && answer.length > 0 && !path.endsWith('/logs');
}

/** The limit of a request ends where its stream begins; its caller's signal goes on. */
function endWith(stream: Duplex, signal: AbortSignal): void {
  const end = () => void stream.destroy(signal.reason as Error);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', end));
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
