/** The head of a request, of its first line and the headers as they came, but for those whose names match `without`. */
export function headOf(line: string, rawHeaders: readonly string[], without?: RegExp): Buffer {
  const lines = [line];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    if (!without?.test(name)) lines.push(`${name}: ${rawHeaders[n + 1]}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
