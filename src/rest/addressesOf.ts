import { type EndpointsOf, urlOf } from '../domain/endpoints.js';

/** Where the machine can be reached; null where it can't. */
export function addressesOf({ endpoint }: { endpoint: string | null }, endpointsOf: EndpointsOf) {
  const there = endpointsOf(endpoint);
  return {
    port: there?.screen.port ?? null,
    novnc_url: there ? urlOf(there.screen) : null,
    rdp_port: there?.rdp.port ?? null,
  };
}
