import { CapacityExhausted, Unavailable } from '../../domain/errors.js';
import { NotLeading } from '../../domain/lead.js';
import { DiskBroken } from '../../storage/diskBroken.js';
import { diskRefusal } from '../../storage/diskRefusal.js';
import type { Storage } from '../../storage/storage.js';
import { Broken, EndpointTaken, Unwanted } from '../provisioner.js';
import { engineFault } from './engine/engineFault.js';
import type { Parts } from './parts.js';

/**
 * A fault of the engine or of the disk as what a caller of the provisioner knows: a refusal, EndpointTaken or Broken.
 * What is none of these comes back as it is.
 */
export function translate(
  fault: unknown,
  { settings, storage }: Pick<Parts, 'settings' | 'storage'>,
  asked: { image?: string; port?: number } = {},
): unknown {
  if (fault instanceof DiskBroken) return new Broken(fault.message, { cause: fault });
  return (
    diskRefusal(fault, storage.layout.root) ?? engineFault(fault, { socket: settings.dockerSocket, ...asked }) ?? fault
  );
}

/** Runs `work`; a refusal is returned, everything else thrown. A failure of the engine also ends the trust in our paths. */
export async function answer<T>(
  parts: Pick<Parts, 'settings' | 'storage' | 'hostPaths'>,
  asked: { image?: string; port?: number },
  work: () => Promise<T>,
): Promise<T | Unavailable | CapacityExhausted> {
  try {
    return await work();
  } catch (fault) {
    const known = translate(fault, parts, asked);
    const ordinary = [EndpointTaken, Broken, Unwanted, NotLeading, CapacityExhausted].some(
      (kind) => known instanceof kind,
    );
    if (!ordinary) parts.hostPaths.forget();
    if (known instanceof Unavailable || known instanceof CapacityExhausted) return known;
    throw known;
  }
}

/** For operations that return no refusals: they throw them. */
export async function answerOrThrow<T>(parts: Pick<Parts, 'settings' | 'storage'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    throw translate(fault, parts);
  }
}

/** @throws Unavailable  the storage is another deployment's, or its disk is not mounted. */
export async function claimOrThrow(storage: Storage): Promise<void> {
  const refusal = await storage.claim();
  if (refusal) throw refusal;
}
