/** Whether a path is one of a route as Hono writes it: ":name" stands for a name, "*" at the end for all the rest. */
export function matchesRoute(route: string, path: string): boolean {
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
