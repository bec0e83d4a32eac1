import { InvalidInput } from '../../domain/errors.js';

/** The SHA-256 that a caller says a body has, hex: by RFC 9530's header fields or the query. Other algorithms are left alone. */
export function announcedSha256(
  header: (name: string) => string | undefined,
  inQuery: string | undefined,
): string | undefined | InvalidInput {
  const given = new Set<string>();
  for (const field of ['content-digest', 'repr-digest']) {
    const text = header(field);
    if (text === undefined) continue;
    const digest = sha256Of(text);
    if (digest === null) return new InvalidInput(field, text, 'Give sha-256=:<32 bytes as base64>: (RFC 9530).');
    if (digest !== undefined) given.add(digest);
  }
  if (inQuery !== undefined) {
    if (!/^[0-9a-f]{64}$/i.test(inQuery)) return new InvalidInput('sha256', inQuery, 'Give 64 hexadecimal digits.');
    given.add(inQuery.toLowerCase());
  }
  if (given.size > 1)
    return new InvalidInput('sha256', [...given].join(', '), 'Give the same sum everywhere, or once.');
  return [...given][0];
}

/** As a value of Repr-Digest. */
export function digestField(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}

/** Whether the caller would like a sum of the file: `Want-Repr-Digest: sha-256=10`. A weight of 0 is a no. */
export function wantsSha256(header: string | undefined): boolean {
  return (header ?? '').split(',').some((part) => /^\s*sha-256\s*(=\s*[1-9]\d*\s*)?$/i.test(part));
}

/** Undefined: it has none; null: it is malformed. */
function sha256Of(dictionary: string): string | undefined | null {
  const member = dictionary.split(',').find((part) => /^\s*sha-256\s*=/.test(part));
  if (member === undefined) return undefined;
  const base64 = /^\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:;.*)?$/.exec(member)?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex');
}
