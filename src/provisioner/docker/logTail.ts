import { lastLines } from '../../primitives/lastLines.js';
import type { MachineRef } from '../provisioner.js';
import { demuxLogs } from './demuxLogs.js';
import type { Parts } from './parts.js';

/** What is asked of the engine for each line that is wanted: empty ones, those of a progress bar and repeats fall out. */
const SPARE = 50;

/** The last lines that a machine's container printed, running or not. None where there is no container. */
export async function logTail(
  { machines, engine }: Pick<Parts, 'machines' | 'engine'>,
  ref: MachineRef,
  lines: number,
): Promise<string[]> {
  const found = await machines.find(ref);
  if (found === undefined) return [];
  const raw = await engine.getContainer(found.Id).logs({ stdout: true, stderr: true, tail: lines * SPARE });
  return lastLines(Buffer.isBuffer(raw) ? demuxLogs(raw).both : '', lines);
}
