import { createIsoHostRefusal } from '../../src/actions/image/isoHosts.js';

/** As of a server without a network for VMs, which asks nobody for the names that tests make up. */
export const isoHostRefusal = createIsoHostRefusal({
  allowed: [],
  guests: async () => undefined,
  nameServers: ['127.0.0.1:1'],
});
