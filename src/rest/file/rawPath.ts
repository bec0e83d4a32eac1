import { InvalidInput } from '../../domain/errors.js';

/**
 * The path of a file in a request's target, as the caller wrote it and percent-decoded exactly once. The target itself and not the URL
 * that was made of it, from which "..", also as "%2e%2e", has vanished.
 * `prefix` matches all that comes before the path.
 */
export function filePathOf(target: string, prefix: RegExp): string | InvalidInput {
  const raw = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? '';
  const before = prefix.exec(raw)?.[0];
  if (before === undefined) return new InvalidInput('path', raw, 'Leave out "." and "..": name each folder itself.');
  const names = raw.slice(before.length).split('/').map(decodeOnce);
  const bad = names.indexOf(undefined);
  if (bad >= 0) {
    return new InvalidInput('path', raw.slice(before.length), 'Percent-encode names as UTF-8, each byte as %XX.');
  }
  const encodedSlash = names.find((name) => name?.includes('/'));
  if (encodedSlash !== undefined) {
    return new InvalidInput('path', encodedSlash, 'Put a plain "/" between names; %2F in a name is not taken.');
  }
  return names.join('/');
}

/** Whether a target climbs out of where it seems to lead. */
export function climbs(target: string): boolean {
  const names = (target.split(/[?#]/, 1)[0] ?? '').split('/');
  return names.some((name) => /^(?:\.|%2e){1,2}$/i.test(name));
}

/** Undefined: not valid percent-encoding, or not valid UTF-8. */
function decodeOnce(name: string): string | undefined {
  try {
    // Node hands on bytes above 127, which some clients send as they are, as one character each.
    const ascii = name.replaceAll(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
    return decodeURIComponent(ascii);
  } catch {
    return undefined;
  }
}
