/** The text in the engine's log format for containers without a terminal: frames of an 8-byte header and a payload. */
export function demuxLogs(raw: Buffer): { stdout: string; stderr: string; both: string } {
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[], both: [] as Buffer[] };
  for (let at = 0; at + 8 <= raw.length; ) {
    const end = at + 8 + raw.readUInt32BE(at + 4);
    const payload = raw.subarray(at + 8, end);
    parts[raw[at] === 2 ? 'stderr' : 'stdout'].push(payload);
    parts.both.push(payload);
    at = end;
  }
  const text = (buffers: Buffer[]) => Buffer.concat(buffers).toString('utf8');
  return { stdout: text(parts.stdout), stderr: text(parts.stderr), both: text(parts.both) };
}
