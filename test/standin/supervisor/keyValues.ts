/** The guest protocol's form of everything: `key=value` lines, values percent-encoded. What is missing is left out. */
export function encodeKeyValues(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .filter((pair): pair is [string, string] => pair[1] !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}\n`)
    .join('');
}

/** Lines that are not of that form mean nothing and are passed over. */
export function decodeKeyValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const at = line.indexOf('=');
    if (at <= 0 || line.startsWith('#')) continue;
    try {
      values.set(line.slice(0, at).trim(), decodeURIComponent(line.slice(at + 1).trim()));
    } catch {
      // Not percent-encoding.
    }
  }
  return values;
}
