/** What a Redis of the user's own may say, or be, and what mends it. */
interface RedisFault {
  /** What Redis, Node's TLS or the system says: the text of the error, or its code. */
  says: RegExp;
  what: string;
  fix: string;
}

/** The first that fits. */
export const REDIS_FAULTS: readonly RedisFault[] = [
  {
    says: /^WRONGPASS|invalid password/,
    what: 'it refuses the user or the password (WRONGPASS)',
    fix: 'Give the right ones in REDIS_URL (redis://user:password@host:6379), percent-encoded.',
  },
  {
    says: /^NOAUTH|NOAUTH /,
    what: 'it wants a password (NOAUTH)',
    fix: 'Give it in REDIS_URL (redis://:password@host:6379), percent-encoded.',
  },
  {
    says: /NOPERM/,
    what: 'the user in REDIS_URL may not publish and subscribe (NOPERM)',
    fix: 'Allow it on Redis: ACL SETUSER <user> +publish +subscribe &vapiorc:*',
  },
  {
    says: /max number of clients/,
    what: 'it takes no more clients (maxclients)',
    fix: 'Raise maxclients on Redis (CONFIG SET maxclients), or end clients that are not needed; a server of vapiorc needs two.',
  },
  {
    says: /^MASTERDOWN/,
    what: 'it is a replica that has lost its primary (MASTERDOWN)',
    fix: 'Give the primary in REDIS_URL, or bring it back.',
  },
  {
    says: /Only HELLO messages are accepted by Sentinel/,
    what: 'it is a Sentinel, which carries no hints',
    fix: 'Give the Redis that it watches in REDIS_URL.',
  },
  {
    says: /protected mode/,
    what: 'it is in protected mode, and answers its own machine only',
    fix: 'Give Redis a password (requirepass) and put it into REDIS_URL.',
  },
  {
    says: /self-signed certificate|unable to (verify|get)|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_/i,
    what: 'the certificate is of nobody whom this server trusts',
    fix: "Start vapiorc with NODE_EXTRA_CA_CERTS=/path/ca.pem, the certificate of Redis' authority (of Redis itself where it is self-signed).",
  },
  {
    says: /certificate has expired|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    what: 'the certificate has expired, or the clocks differ',
    fix: 'Give Redis a new certificate, or set the clocks.',
  },
  {
    says: /does not match certificate|ALTNAME_INVALID/,
    what: 'the certificate is for another name than the one in REDIS_URL',
    fix: 'Use a name in REDIS_URL that the certificate holds, or give Redis a certificate with that name.',
  },
  {
    says: /wrong version number|packet length too long|EPROTO/,
    what: 'it does not speak TLS',
    fix: 'Write redis:// instead of rediss:// in REDIS_URL, or give the port on which Redis speaks TLS.',
  },
  {
    says: /Protocol error|before secure TLS connection/,
    what: 'what listens there does not speak as Redis does',
    fix: 'Look whether the port in REDIS_URL is that of Redis, and whether it wants TLS (rediss://).',
  },
  {
    says: /EPIPE|isn't writeable|ECONNRESET|closed/,
    what: 'it ends the connection',
    fix: 'Look on Redis whether it takes more clients (CONFIG GET maxclients; a server of vapiorc needs two), and whether it wants TLS (rediss://).',
  },
  {
    says: /ENOTFOUND|EAI_AGAIN/,
    what: 'the name of its host is not known here',
    fix: 'Mend the host in REDIS_URL, or the name service.',
  },
  {
    says: /ECONNREFUSED|\bENOENT|EHOSTUNREACH|ENETUNREACH/,
    what: 'nobody listens there',
    fix: 'Start Redis, or mend host and port in REDIS_URL.',
  },
  {
    says: /timed out|ETIMEDOUT/,
    what: 'it does not answer in time',
    fix: 'See whether Redis hangs, whether a firewall drops what is sent to it, and whether it speaks TLS (if not: redis://, not rediss://).',
  },
];

/** The message alone: the whole error of a refused AUTH carries the password. */
export function explainRedis(err: Error): string {
  const text = err.message;
  const said = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const fault = REDIS_FAULTS.find(
    ({ says }) => says.test(text) || says.test((err as NodeJS.ErrnoException).code ?? ''),
  );
  return fault === undefined ? said : `${fault.what}. ${fault.fix} (It said: ${said})`;
}

/** Of a replica: it takes hints, and only those who ask the same one hear them. */
export const ON_REPLICA =
  'it is a replica, so servers on another Redis of the same set do not hear them. Give the primary in REDIS_URL.';
