/** Per-VM configuration from the share: `key=value` lines, values percent-encoded. */
export function parseGuestConfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const at = line.indexOf('=');
    if (at <= 0 || line.startsWith('#')) continue;
    try {
      values.set(line.slice(0, at).trim(), decodeURIComponent(line.slice(at + 1).trim()));
    } catch {
      // Not percent-encoding: the line means nothing to the guest.
    }
  }
  return values;
}
