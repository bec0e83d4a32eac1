import { allotEndpoint } from '../db/endpoints.js';
import type { CapacityExhausted, Refusal } from '../domain/errors.js';
import { EndpointTaken, type MachineRef, type Started, type Waiting } from '../provisioner/provisioner.js';
import type { Deps } from './deps.js';

/** Endpoints that a stranger held lately are passed over this long. */
const AVOID_MS = 60_000;

/**
 * Gives the machine an endpoint and starts it with that; one that turns out to be a stranger's is skipped for the next.
 * A refusal means: not now, try again later.
 */
export async function startMachine<R extends Refusal>(
  { write, provisioner, memory, now, log }: Pick<Deps, 'write' | 'provisioner' | 'memory' | 'now' | 'log'>,
  ref: MachineRef,
  start: (endpoint: string | undefined) => Promise<Started | Waiting | R>,
): Promise<Started | Waiting | R | CapacityExhausted> {
  const { allotment } = provisioner;
  if (allotment === undefined) return start(undefined);
  const held = memory.heldEndpoints;
  for (;;) {
    for (const [endpoint, since] of held) if (now().getTime() - since > AVOID_MS) held.delete(endpoint);
    const endpoint = await allotEndpoint(write, ref, allotment.ids, [...held.keys()]);
    if (endpoint === undefined) return allotment.usedUp;
    try {
      return await start(endpoint);
    } catch (err) {
      if (!(err instanceof EndpointTaken)) throw err;
      held.set(endpoint, now().getTime());
      log.warn({ why: err.message, id: ref.id }, 'an endpoint is held by another program; taking the next');
    }
  }
}
