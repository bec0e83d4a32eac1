import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Logger } from '../../../log.js';
import { deadline, Late } from '../../../primitives/deadline.js';
import type { MachineRef } from '../../provisioner.js';
import { LABEL, refOf } from '../labels.js';
import { type Engine, unlessGone } from './engine.js';
import { jsonLines } from './jsonLines.js';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** The events are followed anew after this long. */
const TURN_MS = 60_000;
/** `die` comes some 50 ms before an inspection shows it; whoever is hinted looks again later anyway. */
const OF_CONTAINERS = ['start', 'die', 'oom', 'destroy', 'pause', 'unpause'];
const OF_NETWORKS = ['connect', 'disconnect'];

const EngineEvent = z.object({ Actor: z.object({ Attributes: z.record(z.string(), z.string()) }) });
type Attributes = Record<string, string>;

export interface WatchDeps {
  engine: Engine;
  deployment: string;
  /** Name of the VMs' network: who leaves it, and who comes back, is told too. */
  network: string;
  log: Logger;
}

/**
 * Follows the engine's events about our machines until the signal. A connection that ends is made again, with waits that
 * grow to 30 s. `onReconnect` is called when one was made again: what happened between is not told.
 */
export async function watchEvents(
  deps: WatchDeps,
  onHint: (ref: MachineRef) => void,
  onReconnect: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { engine, deployment, network } = deps;
  const hint = (labels: Attributes | undefined) => {
    const ref = refOf(labels, deployment);
    if (ref) onHint(ref);
  };
  const ofContainers = {
    type: ['container'],
    label: [`${LABEL.deployment}=${deployment}`],
    event: OF_CONTAINERS,
  };
  // These name the container and carry no labels.
  const ofNetworks = { type: ['network'], network: [network], event: OF_NETWORKS };
  const hintOfContainer = async ({ container }: Attributes) =>
    container && hint((await unlessGone(engine.getContainer(container).inspect()))?.Config.Labels);
  await Promise.all([
    follow(deps, ofContainers, hint, onReconnect, signal),
    follow(deps, ofNetworks, hintOfContainer, () => {}, signal),
  ]);
}

async function follow(
  { engine, log }: WatchDeps,
  filters: Record<string, string[]>,
  onEvent: (attributes: Attributes) => unknown,
  onReconnect: () => void,
  signal: AbortSignal,
): Promise<void> {
  let retryInMs = FIRST_RETRY_MS;
  let lost = false;
  while (!signal.aborted) {
    // A connection that died in silence tells nothing any more, as one in peace.
    const turn = deadline(TURN_MS, signal);
    try {
      const stream = await engine.getEvents({ abortSignal: turn.signal, filters });
      if (lost) onReconnect();
      retryInMs = FIRST_RETRY_MS;
      for await (const value of jsonLines(stream)) {
        const event = EngineEvent.safeParse(value);
        if (event.success) await onEvent(event.data.Actor.Attributes);
      }
    } catch (err) {
      if (!turn.signal.aborted) log.debug({ err, retryInMs }, 'engine events lost');
    } finally {
      turn.done();
    }
    if (turn.signal.reason instanceof Late) continue;
    lost = true;
    await sleep(retryInMs, undefined, { signal }).catch(() => {});
    retryInMs = Math.min(retryInMs * 2, LAST_RETRY_MS);
  }
}
