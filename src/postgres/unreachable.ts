import pg from 'pg';

/** What to do about a database that can't be opened, by Postgres' SQLSTATE, Node's code, or the words of either. */
const FIXES: readonly (readonly [sign: RegExp, fix: string])[] = [
  [/^(28P01|28000 password)/, 'check user and password in DATABASE_URL; odd characters in them are percent-encoded'],
  [/no encryption/, 'the server wants TLS: add ?sslmode=require to DATABASE_URL'],
  [/^28000/, "let this user in from this address in the server's pg_hba.conf"],
  [/^(3D000|08P01 no such database)/, 'make the database, or name another in DATABASE_URL'],
  [/^42501/, 'let this user connect: GRANT CONNECT ON DATABASE'],
  [/^53300/, "raise the server's max_connections or the role's limit, or set VAPIORC_DATABASE_CONNECTIONS lower"],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+)/,
    "the server's certificate is not signed by anybody known here: give ?sslmode=verify-full&sslrootcert=/path/to/ca.pem, or ?sslmode=require to encrypt without asking who it is",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID/,
    "the certificate is for another name: give that name as the host, or ?sslmode=verify-ca with the certificate's CA as sslrootcert",
  ],
  [/does not support SSL/, 'leave sslmode out of DATABASE_URL, or turn TLS on in the server'],
  [/^(ENOTFOUND|EAI_\w+)/, 'check the host name in DATABASE_URL'],
  [/^ENOENT/, 'check the file that DATABASE_URL names: a socket folder in host=, or a certificate'],
  [/^ECONNREFUSED/, 'start it, or check host and port in DATABASE_URL'],
];

/** Names the host and the fix, never the password. */
export function unreachable(url: string, cause: unknown, waitedMs?: number): Error {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const where = searchParams.get('host') ?? `${hostname}:${port || 5432}`;
  // A name with several addresses fails with all of them at once, and then without a message of its own.
  const first = (cause instanceof AggregateError ? cause.errors[0] : cause) as NodeJS.ErrnoException;
  const sign = `${first.code ?? ''} ${first.message}`.trim();
  const fix = FIXES.find(([pattern]) => pattern.test(sign))?.[1] ?? 'is it running, and is DATABASE_URL right?';
  const waited = waitedMs === undefined ? '' : ` for ${Math.round(waitedMs / 1000)} s`;
  return new Error(
    `the database ${decodeURIComponent(pathname.slice(1))} at ${where} could not be opened${waited}: ${first.message}. ` +
      `${fix[0]?.toUpperCase()}${fix.slice(1)}`,
    { cause },
  );
}

/** Postgres' own word for what went wrong, if it was Postgres that said so. */
export function sqlState(err: unknown): string | undefined {
  return err instanceof pg.DatabaseError ? err.code : undefined;
}
