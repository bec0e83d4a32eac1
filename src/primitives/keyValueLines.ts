/** What guests are told: one `key=value` a line, values percent-encoded, so that a script can read it (oem/PROTOCOL.md). */
export function keyValueLines(lines: Record<string, string | number>): string {
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}\n`)
    .join('');
}

/** What such lines say; the value of a key that is there twice is the last one. @throws URIError  a value is not percent-encoded. */
export function readKeyValueLines(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes('='));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), decodeURIComponent(line.slice(at + 1))];
    }),
  );
}
