import type { Context } from 'hono';
import { matchesRoute } from './matchesRoute.js';
import { problem } from './refusals.js';

/** 405 where the path is right and the method is not, else 404. `routes` are the app's own. */
export function answerNoRoute(
  c: Context,
  routes: readonly { method: string; path: string }[],
  where: string,
): Response {
  const methods = routes
    .filter(({ method, path }) => method !== 'ALL' && matchesRoute(path, c.req.path))
    .map(({ method }) => method);
  const allowed = [...new Set(methods)];
  if (allowed.length === 0) return c.json(problem('NOT_FOUND', 'there is no such route', where), 404);
  if (allowed.includes('GET')) allowed.push('HEAD');
  c.header('Allow', allowed.join(', '));
  return c.json(
    problem('METHOD_NOT_ALLOWED', 'this route does not take that method', `Use ${allowed.join(' or ')}.`),
    405,
  );
}
