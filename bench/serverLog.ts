import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Reads a server's log: says each message when it first comes, and answers at the end how often each came. */
export function readServerLog(stderr: Readable, say: (text: string) => void): () => Map<string, number> {
  const counts = new Map<string, number>();
  createInterface({ input: stderr }).on('line', (line) => {
    const text = messageOf(line).slice(0, 300);
    const count = (counts.get(text) ?? 0) + 1;
    counts.set(text, count);
    if (count === 1) say(`server says: ${text}`);
  });
  return () => counts;
}

function messageOf(line: string): string {
  try {
    const { msg, why, err } = JSON.parse(line) as { msg?: string; why?: string; err?: { message?: string } };
    return [msg, why, err?.message].filter((part) => part !== undefined).join(': ');
  } catch {
    return line;
  }
}
