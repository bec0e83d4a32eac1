import type { Context } from 'hono';
import { problem } from './refusals.js';

/** 405 where the path is right and the method is not, else 404. `routes` are the app's own. */
export function answerNoRoute(
  c: Context,
  routes: readonly { method: string; path: string }[],
  where: string,
): Response {
  const methods = routes
    .filter(({ method, path }) => method !== 'ALL' && matches(path, c.req.path))
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

function matches(route: string, path: string): boolean {
  const parts = route.split('/');
  const given = path.split('/');
  if (parts.at(-1) === '*') {
    parts.pop();
    given.splice(parts.length);
  }
  return (
    parts.length === given.length &&
    parts.every((part, n) => part === given[n] || (part.startsWith(':') && given[n] !== ''))
  );
}
