import { Refusal } from '../domain/errors.js';
import type { OpenShareFile } from '../domain/share.js';
import type { Machine } from '../domain/vm.js';
import { lastLines } from '../primitives/lastLines.js';
import type { EndedMachine, MachineRef } from '../provisioner/provisioner.js';
import type { Deps } from './deps.js';

const LINES = 10;
/** So much of the guest's own log is read. */
const TAIL_BYTES = 16_384;

const CONTAINER = 'The log of its container ends:';
const GUEST = 'The install.log of its guest ends:';

/**
 * Says why a machine's container ended, with what its log tells of it: the exit code alone leaves open whether a guest powered itself
 * off or never booted.
 */
export async function explainerOf(
  deps: Pick<Deps, 'provisioner' | 'log'>,
  ref: MachineRef,
  machine: Machine | undefined,
  known: Omit<EndedMachine, 'log'>,
): Promise<(exitCode: number) => string> {
  const ended = machine?.state === 'exited';
  const log = ended ? await orNothing(deps, () => deps.provisioner.logTail(ref, LINES)) : [];
  return (exitCode) => deps.provisioner.explainExit(exitCode, { ...known, log });
}

/** Why a machine failed, with the end of its logs behind it unless they are there: they go with the machine. */
export async function withEndOfLogs(
  deps: Pick<Deps, 'provisioner' | 'log'>,
  ref: MachineRef,
  reason: string,
): Promise<string> {
  return reason.includes(CONTAINER) || reason.includes(GUEST) ? reason : `${reason}${await endOfLogs(deps, ref)}`;
}

/**
 * How the log of a machine's container ends, and the log that install.bat keeps on the share, for whoever looks for what went
 * wrong; empty where there is neither. Never throws: what it is part of is to be told in any case.
 */
export async function endOfLogs(deps: Pick<Deps, 'provisioner' | 'log'>, ref: MachineRef): Promise<string> {
  const [container, guest] = await Promise.all([
    orNothing(deps, () => deps.provisioner.logTail(ref, LINES)),
    orNothing(deps, () => guestLog(deps, ref)),
  ]);
  const part = (title: string, lines: string[]) => (lines.length > 0 ? `\n${title}\n${lines.join('\n')}` : '');
  return part(CONTAINER, container) + part(GUEST, guest);
}

async function orNothing({ log }: Pick<Deps, 'log'>, read: () => Promise<string[]>): Promise<string[]> {
  try {
    return await read();
  } catch (err) {
    log.debug({ err }, 'a log could not be read');
    return [];
  }
}

async function guestLog({ provisioner }: Pick<Deps, 'provisioner'>, ref: MachineRef): Promise<string[]> {
  const file = await provisioner.share(ref)?.open(['install.log']);
  return file === undefined || file instanceof Refusal ? [] : lastLines(await endOf(file), LINES);
}

async function endOf(file: OpenShareFile): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read(Math.max(0, file.size - TAIL_BYTES), file.size)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
