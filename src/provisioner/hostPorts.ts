import type { Allotment, EndpointsOf, Place } from '../domain/endpoints.js';
import { CapacityExhausted } from '../domain/errors.js';

/** RDP is published this far above the web port: the prototype's promise. */
export const RDP_OFFSET = 1000;

export interface HostPortsOptions {
  ports: { start: number; end: number };
  /** The name of this host in links. */
  publicHost: string;
  /** Where screens are listened for; left out: nowhere. */
  publishAddress?: string;
}

/** Endpoints that are ports of this host: each stands for a web port, and the RDP port above it. */
export function hostPorts({ ports: { start, end }, publicHost: host, publishAddress }: HostPortsOptions): {
  allotment: Allotment;
  endpoints: EndpointsOf;
} {
  return {
    allotment: {
      ids: Array.from({ length: end - start + 1 }, (_, n) => String(start + n)),
      limit: 'each VM needs one of the ports in VAPIORC_PORT_START to VAPIORC_PORT_END',
      usedUp: new CapacityExhausted(
        'ports',
        `every port from ${start} to ${end} is in use`,
        'Widen VAPIORC_PORT_START to VAPIORC_PORT_END, or release VMs.',
      ),
    },
    endpoints: (endpoint) => {
      if (endpoint === null) return undefined;
      const port = portOf(endpoint);
      const door: Place | undefined = publishAddress === undefined ? undefined : { host: publishAddress, port };
      return { screen: { host, port }, rdp: { host, port: port + RDP_OFFSET }, ...(door && { door }) };
    },
  };
}

/** The web port that this endpoint stands for. */
export function portOf(endpoint: string | undefined): number {
  const port = Number(endpoint);
  if (!Number.isInteger(port)) throw new Error(`the endpoint ${endpoint} is no port of this host`);
  return port;
}
