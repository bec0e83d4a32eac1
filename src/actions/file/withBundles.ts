import { Conflict, type Unavailable } from '../../domain/errors.js';
import type { OemBundles } from '../../domain/oemBundles.js';
import type { ActionContext } from '../context.js';
import { refusing } from './smallFile.js';
import { NOT_SIMULATED } from './vmFile.js';

type Context = Pick<ActionContext, 'oemBundles'>;

/** The user's own files for installations, where machines take any. */
export function bundlesOf({ oemBundles }: Context): OemBundles | Conflict {
  return (
    oemBundles ?? new Conflict('the machines of this server are simulated: nothing is installed in them', NOT_SIMULATED)
  );
}

/** Runs `work` on them. */
export async function withBundles<T>(
  context: Context,
  work: (bundles: OemBundles) => Promise<T>,
): Promise<T | Unavailable | Conflict> {
  const bundles = bundlesOf(context);
  return bundles instanceof Conflict ? bundles : refusing(() => work(bundles));
}
