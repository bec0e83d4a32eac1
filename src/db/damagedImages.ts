import type { Db } from './client.js';

/** What is wrong with the READY golden images of which no clone can be made, in words for people; undefined: nothing. */
export async function damagedImages(db: Db): Promise<string | undefined> {
  const damaged = await db.goldenImage.findMany({
    where: { status: 'READY', problem: { not: null } },
    orderBy: { createdAt: 'asc' },
    select: { vmType: true, version: true, problem: true },
  });
  const [first] = damaged;
  if (first === undefined) return undefined;
  const more = damaged.length > 1 ? ` (and ${damaged.length - 1} more)` : '';
  return `no VM can be made of version ${first.version} of the golden image of ${first.vmType}${more}: ${first.problem}. Put the files back as they were, or make a new golden image and retire this one.`;
}
