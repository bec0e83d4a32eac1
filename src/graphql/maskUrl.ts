/** The URL without what may be a secret in it: user, password and the query, where signed links keep their signature. */
export function maskUrl(url: string): string {
  const masked = URL.canParse(url) ? new URL(url) : undefined;
  if (masked === undefined) return '***';
  if (masked.username || masked.password) {
    masked.username = '***';
    masked.password = '';
  }
  if (masked.search) masked.search = '?***';
  masked.hash = '';
  return masked.href;
}
