import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { newVmFile, removable, type VmFile, type VmFileOrder, vmFile } from '../../actions/file/vmFile.js';
import { vmReleased } from '../../actions/vm/vmReleased.js';
import { answerRefusal, unwrap } from '../../answers/refusals.js';
import { done } from '../../answers/responses.js';
import { Conflict, InvalidInput, NotFound, Refusal } from '../../domain/errors.js';
import { guestPath } from '../../domain/windowsPath.js';
import type { Logger } from '../../log.js';
import { actionContext } from '../actionContext.js';
import { asked } from '../verbs.js';
import { HELD_VM } from '../vm/heldVm.js';
import { digestField } from './digest.js';
import { describeFileRoutes, REMOVED } from './fileDocs.js';
import { fileEntryView, listFiles } from './listFiles.js';
import { targetOf } from './nodeOf.js';
import { climbs, filePathOf } from './rawPath.js';
import { receiveFile } from './receiveFile.js';
import { sendFile } from './sendFile.js';

const ROUTE = '/api/vms/instances/:instance_id/files/*';
const PREFIX = /^\/api\/vms\/instances\/[^/]+\/files(?:\/|$)/;

/** Files of VMs. Comes before the limit on bodies: a file may have any size. */
export function addFileRoutes(app: OpenAPIHono, log: Logger): void {
  describeFileRoutes(app);

  // A URL with ".." in it has lost it by now, and with it leads to another route.
  app.use(async (c, next) => {
    const target = targetOf(c);
    if (!/\/files\//.test(target) || !climbs(target)) return next();
    return answerRefusal(c, new InvalidInput('path', target, 'Leave out "." and "..": name each folder itself.'));
  });

  app.put(ROUTE, (c) =>
    whileHeld(c, async (held, released) => {
      const { share, path } = unwrap(await newVmFile(actionContext(c), { ...held, path: pathOf(c) }));
      const kept = await receiveFile(c, share, { path, released, log });
      if (kept instanceof Response) return kept;
      c.header('Repr-Digest', digestField(kept.sha256));
      const { size, sha256, replaced } = kept;
      return c.json({ path: path.join('/'), size, sha256, guest_path: guestPath(path) }, replaced ? 200 : 201);
    }),
  );

  app.get(ROUTE, (c) =>
    whileHeld(c, async (held, released) => {
      const given = pathOf(c);
      const asFolder = given.endsWith('/');
      const order = { ...held, path: asFolder ? given.slice(0, -1) : given };
      const { share, path } = unwrap(await vmFile(actionContext(c), order));
      const file = asFolder || path.length === 1 ? undefined : await share.open(path);
      if (file instanceof NotFound) throw file;
      if (file === undefined || file instanceof Refusal) {
        const page = await listFiles(c, share, path);
        // Neither a file that can be read nor a folder: what was said of the file is the answer.
        if (page instanceof Refusal) throw file ?? page;
        return c.json({ entries: page.entries.map((entry) => fileEntryView(path, entry)), next: page.next }, 200);
      }
      return sendFile(c, file, { name: path.at(-1) ?? '', released, log });
    }),
  );

  app.delete(ROUTE, async (c) => {
    const { recursive } = asked(c, REMOVED);
    const found = unwrap(await vmFile(actionContext(c), { ...asked(c, HELD_VM), path: pathOf(c).replace(/\/$/, '') }));
    unwrap(removable(found));
    const removed = unwrap(await remove(found, recursive === 'true'));
    if (!removed) throw new NotFound('file', found.path.join('/'));
    return c.json(done('Removed'), 200);
  });
}

/** A folder that is full is told which parameter removes it. */
async function remove({ share, path }: VmFile, recursive: boolean): Promise<boolean | Conflict> {
  const removed = await share.remove(path, recursive);
  if (!(removed instanceof Conflict) || recursive) return removed;
  const page = await share.list(path, { limit: 1 });
  const isFull = !(page instanceof Refusal);
  return isFull ? new Conflict(removed.message, 'Add ?recursive=true to remove it with all that is in it.') : removed;
}

function pathOf(c: Context): string {
  return unwrap(filePathOf(targetOf(c), PREFIX));
}

/** Watches the VM from before it is looked at until the work is done. */
async function whileHeld(
  c: Context,
  work: (held: Pick<VmFileOrder, 'vmId' | 'assignedTo'>, released: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const held = asked(c, HELD_VM);
  const { signal, stop } = vmReleased(actionContext(c).feed, held.vmId);
  try {
    return await work(held, signal);
  } finally {
    stop();
  }
}
