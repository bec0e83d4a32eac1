import type { IncomingMessage } from 'node:http';

/** The body, of which no more than `maxBytes` is ever held. `cut off`: the caller went in its middle. */
export async function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer | 'too long' | 'cut off'> {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return 'too long';
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // What is left is the listener's to deal with: to destroy the request would take the answer from the caller.
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) return 'too long';
      chunks.push(chunk);
    }
  } catch {
    return 'cut off'; // any caller may do so, all day
  }
  return Buffer.concat(chunks);
}
