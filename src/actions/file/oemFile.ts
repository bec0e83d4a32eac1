import { type Conflict, InvalidInput } from '../../domain/errors.js';
import type { OemBundles } from '../../domain/oemBundles.js';
import type { Share, SharePath } from '../../domain/share.js';
import { windowsPath } from '../../domain/windowsPath.js';

/** Where a file of a bundle is or may be put. */
export async function oemFile(
  bundles: OemBundles,
  { bundle, path: given }: { bundle: string; path: string },
): Promise<{ share: Share; path: SharePath } | InvalidInput | Conflict> {
  const path = windowsPath(given);
  if (typeof path === 'string') return new InvalidInput('path', given.toWellFormed(), path);
  return (await bundles.clash(bundle, path)) ?? { share: bundles.files(bundle), path };
}
