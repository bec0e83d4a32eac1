import { allocatePort } from '../db/ports.js';
import { CapacityExhausted, type Refusal } from '../domain/errors.js';
import { type MachineRef, PortTaken, type Started } from '../provisioner/provisioner.js';
import type { Deps } from './deps.js';

/** Ports that a stranger held lately are passed over this long. */
const AVOID_MS = 60_000;

/**
 * Gives the machine a port and starts it with that; a port that turns out to be a stranger's is skipped for the next.
 * A refusal means: not now, try again later.
 */
export async function startMachine<R extends Refusal>(
  { write, ports, memory, now, log }: Pick<Deps, 'write' | 'ports' | 'memory' | 'now' | 'log'>,
  ref: MachineRef,
  start: (port: number) => Promise<Started | R>,
): Promise<Started | R | CapacityExhausted> {
  const held = memory.heldPorts;
  for (;;) {
    for (const [port, since] of held) if (now().getTime() - since > AVOID_MS) held.delete(port);
    const port = await allocatePort(write, ref, ports, [...held.keys()]);
    if (port === undefined) {
      return new CapacityExhausted(
        'ports',
        `every port from ${ports.start} to ${ports.end} is in use`,
        'Widen VAPIORC_PORT_START to VAPIORC_PORT_END, or release VMs.',
      );
    }
    try {
      return await start(port);
    } catch (err) {
      if (!(err instanceof PortTaken)) throw err;
      held.set(port, now().getTime());
      log.warn({ port, id: ref.id }, 'port is held by another program; taking the next');
    }
  }
}
