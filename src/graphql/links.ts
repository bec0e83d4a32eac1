/** The RDP port of a machine whose web port is `port`. */
export function rdpPort(port: number | null): number | null {
  return port === null ? null : port + 1000;
}

/** Where a browser sees the machine's screen. */
export function novncUrl(publicHost: string, port: number | null): string | null {
  if (port === null) return null;
  return `http://${publicHost.includes(':') ? `[${publicHost}]` : publicHost}:${port}`;
}

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
