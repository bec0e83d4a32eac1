import type { Context } from 'hono';

/** Where a request comes from; empty when the connection is gone. */
export function remoteAddress(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? '';
}
