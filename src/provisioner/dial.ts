import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Unavailable } from '../domain/errors.js';

const LIMIT_MS = 5_000;

/** Connects to a port of one machine, within `limitMs`. @throws NotThere, and what its engine is unavailable for. */
export type Dial = (port: number, limitMs?: number) => Promise<Duplex>;

/** The machine does not run, or nothing answers at that port of it now. */
export class NotThere extends Unavailable {
  constructor(why: string) {
    super('screen', `the machine can not be reached: ${why}`, 'Wait until it runs, then try again.');
  }
}

/** Connects to a port of a container. @throws NotThere  nothing listens there, or not in time. */
export function dial(address: string, port: number, limitMs = LIMIT_MS): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, keepAlive: true });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${limitMs / 1000} s`)), limitMs);
    // From its first moment to its last; who uses it sees its 'close'.
    socket.on('error', (err) => reject(new NotThere(err.message)));
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('close', () => clearTimeout(timer));
  });
}
