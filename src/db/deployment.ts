import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Db } from './client.js';

export interface Deployment {
  /** Marks containers and the storage folder as this deployment's. */
  name: string;
  /** Key of the guests' tokens. A secret. */
  guestSecret: string;
}

/**
 * The one row that all servers on this database share; made by the first of them.
 * @throws Error  the database was used with another provisioner: its VMs would all seem to have vanished.
 */
export async function getDeployment(db: Db, provisioner: string): Promise<Deployment> {
  await db.deployment.createMany({
    data: [{ id: 1, name: randomUUID(), guestSecret: randomBytes(32).toString('base64url'), provisioner }],
    skipDuplicates: true,
  });
  const found = await db.deployment.findUniqueOrThrow({ where: { id: 1 } });
  if (found.provisioner !== provisioner) {
    throw new Error(
      `this database holds a deployment of the ${found.provisioner} provisioner, and VAPIORC_PROVISIONER is ${provisioner}: ` +
        'give another VAPIORC_STORAGE_PATH (or another DATABASE_URL, if you set one)',
    );
  }
  return { name: found.name, guestSecret: found.guestSecret };
}

/** The token of one machine, `<id>.<mac>`: nothing to store, the same after a restart, and of no use for another machine. */
export function guestToken(deployment: Deployment, machineId: string): string {
  return `${machineId}.${createHmac('sha256', deployment.guestSecret).update(machineId).digest('base64url')}`;
}

/** The machine that this token is for, or undefined when it is not one of ours. Compares in constant time. */
export function machineOfToken(deployment: Deployment, token: string): string | undefined {
  const machineId = token.slice(0, token.indexOf('.'));
  const expected = Buffer.from(guestToken(deployment, machineId));
  const given = Buffer.from(token);
  return expected.length === given.length && timingSafeEqual(expected, given) ? machineId : undefined;
}
