import type { Db } from '../db/client.js';
import { type GoldenImage, getImage } from '../db/images.js';
import { getVm } from '../db/vms.js';
import { Conflict, type InvalidInput, NotFound, type Unavailable } from '../domain/errors.js';
import { type Click, pngSize, type ScreenRef, type Screenshot } from '../domain/screen.js';
import { vmActions } from '../domain/vm.js';
import type { ActionContext } from './context.js';
import { heldVm } from './heldVm.js';
import { checked, uuidOf } from './input.js';
import { chordsOf, clickOf, type Typed } from './screenInput.js';

type ScreenDeps = Pick<ActionContext, 'db' | 'screens'>;

/** Whose screen: of a VM or of an installation. */
export type ScreenOf = { vmId: string; assignedTo?: string | null | undefined } | { goldenImageId: string };

type Refused = NotFound | Conflict | InvalidInput | Unavailable;

/**
 * What the screen of a machine shows now: of any VM that lives, also one that does not come up, or of an installation. Of one that is
 * over: what it showed last, if that was kept.
 */
export async function takeScreenshot({ db, screens }: ScreenDeps, of: ScreenOf): Promise<Screenshot | Refused> {
  if ('vmId' in of) {
    const ref = await livingVm(db, of);
    return ref instanceof Error ? ref : screens.screenshot(ref);
  }
  const image = await imageOf(db, of.goldenImageId);
  if (image instanceof Error) return image;
  if (image.status === 'INSTALLING') return screens.screenshot({ kind: 'golden', id: image.id });
  const kept = await db.installScreenshot.findUnique({ where: { goldenImageId: image.id } });
  if (kept === null)
    return new Conflict(
      `the golden image ${image.id} is ${image.status}, and no picture of its installation was kept`,
      'Take screenshots while it is INSTALLING, or of a VM.',
    );
  return { takenAt: kept.takenAt, ...pngSize(kept.png), png: kept.png };
}

/** Presses keys and types text. Resolves when the machine's virtual keyboard has taken all of it. */
export async function sendKeys({ db, screens }: ScreenDeps, of: ScreenOf, typed: Typed): Promise<ScreenRef | Refused> {
  const chords = chordsOf(typed);
  if (chords instanceof Error) return chords;
  const ref = await operable(db, of);
  if (ref instanceof Error) return ref;
  return (await screens.press(ref, chords)) ?? ref;
}

/** Moves the mouse to a pixel of the screenshot and clicks. */
export async function clickScreen(
  { db, screens }: ScreenDeps,
  of: ScreenOf,
  given: Click,
): Promise<ScreenRef | Refused> {
  const click = clickOf(given);
  if (click instanceof Error) return click;
  const ref = await operable(db, of);
  if (ref instanceof Error) return ref;
  return (await screens.click(ref, click)) ?? ref;
}

/** The machine whose keyboard and mouse this caller may use. */
async function operable(db: Db, of: ScreenOf): Promise<ScreenRef | NotFound | Conflict | InvalidInput> {
  if ('vmId' in of) {
    const vm = await heldVm(db, of.vmId, of.assignedTo);
    return vm instanceof Error ? vm : { kind: 'vm', id: vm.id };
  }
  const image = await imageOf(db, of.goldenImageId);
  if (image instanceof Error) return image;
  if (image.status === 'INSTALLING') return { kind: 'golden', id: image.id };
  return new Conflict(
    `the golden image ${image.id} is ${image.status}`,
    'Keys and clicks reach an installation only while it is INSTALLING.',
  );
}

async function imageOf(db: Db, given: string): Promise<GoldenImage | NotFound | InvalidInput> {
  const id = checked(() => uuidOf('goldenImageId', given));
  if (id instanceof Error) return id;
  return (await getImage(db, id)) ?? new NotFound('golden image', id);
}

/** Operators look at VMs that nobody holds; a caller who names himself looks at his own only. */
async function livingVm(
  db: Db,
  { vmId, assignedTo }: { vmId: string; assignedTo?: string | null | undefined },
): Promise<ScreenRef | NotFound | Conflict | InvalidInput> {
  if (assignedTo != null) {
    const vm = await heldVm(db, vmId, assignedTo);
    return vm instanceof Error ? vm : { kind: 'vm', id: vm.id };
  }
  const id = checked(() => uuidOf('vmId', vmId));
  if (id instanceof Error) return id;
  const vm = await getVm(db, id);
  if (vm === null) return new NotFound('VM', id);
  if (vmActions(vm.status).length > 0) return { kind: 'vm', id };
  return new Conflict(`the VM ${id} is ${vm.status}: it is over`, 'Take screenshots before it is released.');
}
