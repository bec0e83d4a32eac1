import { CapacityExhausted, Unavailable } from '../domain/errors.js';
import { errno } from './errno.js';

/** A fault of the file system in our words, or undefined when it is none that a user can mend. */
export function diskRefusal(fault: unknown, root: string): Unavailable | CapacityExhausted | undefined {
  // The engine's socket fails with the same codes; those are not about the storage.
  if (fault instanceof Error && 'syscall' in fault && fault.syscall === 'connect') return undefined;
  switch (errno(fault)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new CapacityExhausted(
        'disk',
        `the storage at ${root} is full`,
        'Free space there, or delete golden images and VMs.',
      );
    case 'EROFS':
      return new Unavailable('storage', `the storage at ${root} is read-only`, 'Mount it writable.');
    case 'EACCES':
    case 'EPERM':
      return new Unavailable(
        'storage',
        `no permission in the storage at ${root}: ${(fault as Error).message}`,
        'Make the folder and what is in it belong to the user that runs vapiorc.',
      );
    case 'EXDEV':
      return new Unavailable(
        'storage',
        `the folders in the storage at ${root} lie on different file systems`,
        'Keep the whole of VAPIORC_STORAGE_PATH on one file system.',
      );
    default:
      return undefined;
  }
}
