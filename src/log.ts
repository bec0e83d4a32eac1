import { destination, type Logger, pino } from 'pino';

export type { Logger };

/** Structured lines on stderr; stdout is for people. What could hold a secret is cut out by name, wherever a caller puts it one level deep. */
export function createLog(level: string): Logger {
  const secrets = ['token', 'password', 'authorization', 'databaseUrl', 'redisUrl', 'guestSecret', 'connectionString'];
  const paths = secrets.flatMap((name) => [name, `*.${name}`]);
  return pino({ level, base: null, redact: { paths, censor: '[redacted]' } }, destination({ dest: 2, sync: false }));
}
