import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** Node's own request and response, for bodies that are too large to go through the web's streams. */
export function nodeOf(c: Context): HttpBindings {
  return c.env as HttpBindings;
}

/** What the caller asked for, as it came: a URL made of it has lost its "..". */
export function targetOf(c: Context): string {
  return (c.env as Partial<HttpBindings> | undefined)?.incoming?.url ?? c.req.path;
}
