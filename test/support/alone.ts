import type { Lead } from '../../src/domain/lead.js';
import { leading, type Provisioner } from '../../src/provisioner/provisioner.js';

/** The lead of a server that has no rival. */
export const ALONE: Lead = { term: 0n, confirm: async () => {} };

/** A provisioner that may change machines, as it is to the server that leads. */
export const alone = <P extends Provisioner>(provisioner: P) => leading(provisioner, ALONE);
