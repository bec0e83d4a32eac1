import type { Logger } from '../log.js';
import { DiskBroken } from './diskBroken.js';
import type { Layout } from './layout.js';
import type { Manifest } from './manifest.js';
import { lookAtGolden, verifyGolden } from './verifyGolden.js';

/**
 * The two looks at a golden image: the whole one before a clone, and the cheap one that is taken all the time. What the first
 * found is remembered for as long as the files look as they did then.
 */
export function createGoldenChecks(layout: Layout, protect: (imageId: string) => Promise<void>, log: Logger) {
  const changed = new Map<string, { looks: string; fault: DiskBroken }>();

  /** Why the files are known to be others than those that were sealed. @throws DiskBroken  a look is enough to see it. */
  async function knownChange(imageId: string): Promise<DiskBroken | undefined> {
    const { looks, touched, writable } = await lookAtGolden(layout, imageId);
    const known = changed.get(imageId);
    if (known?.looks === looks) return known.fault;
    changed.delete(imageId);
    if (writable && touched.length === 0) {
      log.warn({ imageId }, 'golden image was made writable; it is made read-only again');
      await protect(imageId);
    }
    return undefined;
  }

  return {
    /** @throws DiskBroken  it is missing or was changed. */
    async verify(imageId: string): Promise<Manifest> {
      const known = await knownChange(imageId);
      if (known) throw known;
      const { looks } = await lookAtGolden(layout, imageId);
      try {
        return await verifyGolden(layout, imageId, log);
      } catch (fault) {
        if (fault instanceof DiskBroken) changed.set(imageId, { looks, fault });
        throw fault;
      }
    },

    /** Why no clone can be made of it, as far as that is known without reading it whole. What keeps one from looking keeps it from being cloned. */
    async problem(imageId: string): Promise<string | undefined> {
      try {
        return (await knownChange(imageId))?.message;
      } catch (fault) {
        const why = fault instanceof Error ? fault.message : String(fault);
        return fault instanceof DiskBroken ? why : `the golden image can't be looked at: ${why}`;
      }
    },
  };
}
