/** Why this URL of a Postgres or a Redis is not what its writer meant, or undefined. Never shows any of it: it may hold a password. */
export function urlMistake(url: string): string | undefined {
  // An @, # or / in a password ends the part that it stands in, and the rest is taken for host, path or fragment.
  if (url.includes('#') || url.split('@').length > 2 || /^[^:]+:\/\/[^@?]*\/[^?]*@/.test(url))
    return 'percent-encode the odd characters of user and password: @ is %40, # is %23, / is %2F, ? is %3F, : is %3A, % is %25';
  return undefined;
}

/** Why this `?schema=` can't be taken, or undefined. */
export function schemaMistake(url: string): string | undefined {
  const schema = URL.canParse(url) ? new URL(url).searchParams.get('schema') : null;
  if (schema === null || /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(schema)) return undefined;
  return 'give a ?schema= of 1 to 63 letters, digits and underscores';
}
