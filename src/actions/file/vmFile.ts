import type { Vm } from '../../db/vms.js';
import { Conflict, InvalidInput, type NotFound } from '../../domain/errors.js';
import type { Share, SharePath } from '../../domain/share.js';
import { readablePath, writablePath } from '../../domain/windowsPath.js';
import type { ActionContext } from '../context.js';
import { heldVm } from '../vm/heldVm.js';

export type VmFileDeps = Pick<ActionContext, 'read' | 'share'>;

/** For whoever asks simulated machines for what only real ones have. */
export const NOT_SIMULATED = 'Start the server with VAPIORC_PROVISIONER=docker.';

export interface VmFileOrder {
  vmId: string;
  /** From the share on, with slashes: "in/setup.exe". */
  path: string;
  /** Whose hands the VM must be in. */
  assignedTo?: string | undefined;
}

export interface VmFile {
  vm: Vm;
  share: Share;
  path: SharePath;
}

/** Where in which share a caller may read, list and remove: the path exists already, under whatever name the guest gave it. */
export const vmFile = (deps: VmFileDeps, order: VmFileOrder) => locate(deps, order, readablePath);

/** Where a caller may put a file: under names that Windows takes, in the callers' part of the share. */
export const newVmFile = (deps: VmFileDeps, order: VmFileOrder) => locate(deps, order, writablePath);

async function locate(
  { read, share: shareOf }: VmFileDeps,
  { vmId, path: given, assignedTo }: VmFileOrder,
  parse: (text: string) => SharePath | string,
): Promise<VmFile | NotFound | Conflict | InvalidInput> {
  const path = parse(given);
  if (typeof path === 'string') return new InvalidInput('path', given.toWellFormed(), path);
  const vm = await read((db) => heldVm(db, vmId, assignedTo));
  if (vm instanceof Error) return vm;
  const share = shareOf(vm.id);
  if (share !== undefined) return { vm, share, path };
  return new Conflict('the machines of this server are simulated: they have no files', NOT_SIMULATED);
}

/** Whether the caller may remove this place: in/ and out/ themselves stay. */
export function removable({ path }: VmFile): InvalidInput | undefined {
  if (path.length > 1) return undefined;
  return new InvalidInput('path', path.join('/'), 'Name a file or a folder in it; in/ and out/ themselves stay.');
}
