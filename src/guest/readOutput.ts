import { LIMITS } from '../domain/limits.js';
import { type CommandShare, FileChanged } from '../domain/share.js';
import { decodeOutput } from './guestText.js';

export interface StreamOutput {
  /** Bytes that lie on the share. */
  size: number;
  /** The beginning of them, at most as much as is kept. */
  text: string;
}

/**
 * What a command has written to one of its streams, from the share. Undefined: it can't be read. The guest may change the file at
 * any time, to anything: no more is read than its size at the beginning, and no more than is kept.
 */
export async function readOutput(
  share: CommandShare,
  commandId: string,
  stream: 'stdout' | 'stderr',
  codePage: number | null,
  isOver: boolean,
): Promise<StreamOutput | undefined> {
  const file = await share.open(['commands', commandId, stream]);
  if (file instanceof Error) return undefined;
  const bytes = new Uint8Array(Math.min(file.size, LIMITS.commandOutputBytes.value));
  let filled = 0;
  try {
    for await (const chunk of file.read(0, bytes.length)) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
  } catch (err) {
    if (err instanceof FileChanged) return undefined;
    throw err;
  }
  const cut = !isOver || file.size > LIMITS.commandOutputBytes.value;
  return { size: file.size, text: decodeOutput(bytes.subarray(0, filled), codePage, cut) };
}
