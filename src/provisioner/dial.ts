import { connect, type Socket } from 'node:net';
import { Unavailable } from '../domain/errors.js';

const LIMIT_MS = 5_000;

/** Connects to a port of a container. @throws Unavailable  nothing listens there, or not in time. */
export function dial(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, keepAlive: true });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
    // From its first moment to its last; who uses it sees its 'close'.
    socket.on('error', (err) => reject(notThere(err.message)));
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('close', () => clearTimeout(timer));
  });
}

export function notThere(why: string): Unavailable {
  return new Unavailable('screen', `the machine can not be reached: ${why}`, 'Try again when it runs.');
}
