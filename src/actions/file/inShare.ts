import { Refusal, type Unavailable } from '../../domain/errors.js';
import { refusing } from './smallFile.js';
import { type VmFile, type VmFileDeps, type VmFileOrder, vmFile } from './vmFile.js';

/** Runs `work` in the place of a share that was named, where the caller may. */
export async function inShare<T>(
  context: VmFileDeps,
  order: VmFileOrder,
  work: (place: VmFile) => Promise<T>,
  locate = vmFile,
): Promise<T | Unavailable | Extract<Awaited<ReturnType<typeof vmFile>>, Refusal>> {
  const place = await locate(context, order);
  return place instanceof Refusal ? place : refusing(() => work(place));
}
