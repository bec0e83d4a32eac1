import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Logger } from '../log.js';
import type { Engine } from './engine.js';
import { jsonLines } from './jsonLines.js';
import { LABEL, refOf } from './labels.js';
import type { MachineRef } from './provisioner.js';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** `die` comes some 50 ms before an inspection shows it; whoever is hinted looks again later anyway. */
const EVENTS = ['start', 'die', 'oom', 'destroy'];

const EngineEvent = z.object({ Actor: z.object({ Attributes: z.record(z.string(), z.string()) }) });

/**
 * Follows the engine's events about our machines until the signal. A connection that ends is made again, with waits that
 * grow to 30 s. `onReconnect` is called when one was made again: what happened between is not told.
 */
export async function watchEvents(
  { engine, deployment, log }: { engine: Engine; deployment: string; log: Logger },
  onHint: (ref: MachineRef) => void,
  onReconnect: () => void,
  signal: AbortSignal,
): Promise<void> {
  let retryInMs = FIRST_RETRY_MS;
  let lost = false;
  while (!signal.aborted) {
    try {
      const stream = await engine.patient.getEvents({
        abortSignal: signal,
        filters: { type: ['container'], label: [`${LABEL.deployment}=${deployment}`], event: EVENTS },
      });
      if (lost) onReconnect();
      retryInMs = FIRST_RETRY_MS;
      for await (const value of jsonLines(stream)) {
        const event = EngineEvent.safeParse(value);
        const ref = event.success ? refOf(event.data.Actor.Attributes, deployment) : undefined;
        if (ref) onHint(ref);
      }
    } catch (err) {
      if (!signal.aborted) log.debug({ err, retryInMs }, 'engine events lost');
    }
    lost = true;
    await sleep(retryInMs, undefined, { signal }).catch(() => {});
    retryInMs = Math.min(retryInMs * 2, LAST_RETRY_MS);
  }
}
