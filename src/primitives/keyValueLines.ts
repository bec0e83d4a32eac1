/** What guests are told: one `key=value` a line, values percent-encoded, so that a script can read it (oem/PROTOCOL.md). */
export function keyValueLines(lines: Record<string, string | number>): string {
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}\n`)
    .join('');
}
