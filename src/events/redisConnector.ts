import { createConnection } from 'node:net';
import { connect } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/**
 * Connects as ioredis itself does, but listens to every error of the socket. ioredis hears the first one only; a TLS socket may have a
 * second, which nobody hears then and which ends the process.
 */
export class RedisConnector extends AbstractConnector {
  readonly #to: RedisOptions;

  constructor(options: unknown) {
    const to = options as RedisOptions;
    super(to.disconnectTimeout ?? 2_000);
    this.#to = to;
  }

  override async connect() {
    this.connecting = true;
    await Promise.resolve();
    if (!this.connecting) throw new Error('Connection is closed.');
    const { host, port = 6379, path, family, tls } = this.#to;
    const where = path === undefined ? { port, ...(host && { host }), ...(family && { family }) } : { path };
    const stream = tls ? connect({ ...where, ...tls }) : createConnection(where);
    this.stream = stream;
    return stream.on('error', (err) => {
      this.firstError ??= err;
    });
  }
}
