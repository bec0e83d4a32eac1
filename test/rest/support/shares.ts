import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Share } from '../../../src/domain/share.js';
import { Receptions } from '../../../src/storage/receptions.js';
import { createShare } from '../../../src/storage/share.js';

/** Real folders that stand for what VMs see as \\host.lan\Data. */
export interface Shares {
  share: (vmId: string) => Share | undefined;
  /** The folder of a VM, as its guest has it. */
  folder: (vmId: string, ...path: string[]) => string;
  remove: () => void;
}

export function startShares(): Shares {
  const top = mkdtempSync(join(tmpdir(), 'vapiorc-shares-'));
  const uploads = join(top, 'uploads');
  mkdirSync(uploads);
  const folder = (vmId: string, ...path: string[]) => {
    mkdirSync(join(top, vmId, ...path), { recursive: true });
    return join(top, vmId, ...path);
  };
  const receptions = new Receptions();
  return {
    share: (vmId) => createShare({ root: folder(vmId), uploads, reserveBytes: 0 }, receptions),
    folder,
    remove: () => rmSync(top, { recursive: true, force: true }),
  };
}
