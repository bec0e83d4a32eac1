import type { Db } from '../db/client.js';
import type { Deployment } from '../db/deployment.js';
import type { Write } from '../db/write.js';
import type { Logger } from '../log.js';
import type { Provisioner } from '../provisioner/provisioner.js';

/** What the reconciler works with. */
export interface Deps {
  db: Db;
  write: Write;
  provisioner: Provisioner;
  deployment: Deployment;
  log: Logger;
  now: () => Date;
  ports: { start: number; end: number };
  readiness: 'agent' | 'rdp' | 'either';
  bootTimeoutMs: number;
  installTimeoutMs: number;
}
