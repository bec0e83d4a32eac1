import type { CapacityExhausted } from './errors.js';

/** A port of a host, as people reach it. */
export interface Place {
  host: string;
  port: number;
}

/** Where people reach a machine. */
export interface Endpoints {
  /** Its screen in a browser. */
  screen: Place;
  rdp: Place;
  /** Where this server is to listen so that the screen is there; left out: somebody else sees to that. */
  door?: Place;
}

/** Where people reach the machine that has this endpoint; undefined: nowhere. */
export type EndpointsOf = (endpoint: string | null) => Endpoints | undefined;

/** The endpoints that an engine leaves to us to give out, so that no two machines of any server have one. */
export interface Allotment {
  ids: readonly string[];
  /** Why there can be no more VMs than that. */
  limit: string;
  /** What to say when all are given. */
  usedUp: CapacityExhausted;
}

/** The URL of a screen. */
export function urlOf({ host, port }: Place): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
