import { Conflict, type Unavailable } from '../../domain/errors.js';
import type { OemBundles } from '../../domain/oemBundles.js';
import type { ActionContext } from '../context.js';
import { refusing } from './smallFile.js';

/** Runs `work` on the user's own files for installations, where machines take any. */
export async function withBundles<T>(
  { oemBundles }: Pick<ActionContext, 'oemBundles'>,
  work: (bundles: OemBundles) => Promise<T>,
): Promise<T | Unavailable | Conflict> {
  if (oemBundles !== undefined) return refusing(() => work(oemBundles));
  return new Conflict(
    'the machines of this server are simulated: nothing is installed in them',
    'Start the server with VAPIORC_PROVISIONER=docker.',
  );
}
