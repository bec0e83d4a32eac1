import { type Dial, NotThere } from '../../dial.js';
import { MACHINE_PORTS } from '../../machinePorts.js';

/** TPKT header, then an X.224 connection request that offers TLS and CredSSP. */
const REQUEST = Buffer.from('030000130ee000000000000100080003000000', 'hex');
const LIMIT_MS = 2000;

/**
 * Whether an RDP server answers a connection request. A bare TCP connection would not tell: forwarding accepts those
 * before the guest listens. Throws only what `dial` throws beside that nothing is there.
 */
export async function answersRdp(dial: Dial): Promise<boolean> {
  const socket = await dial(MACHINE_PORTS.rdp, LIMIT_MS).catch((fault: unknown) => {
    if (fault instanceof NotThere) return undefined;
    throw fault;
  });
  if (socket === undefined) return false;
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), LIMIT_MS);
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      // Version 3 of TPKT, and in its sixth byte the code of a connection confirm.
      if (seen.length >= 6) end(seen[0] === 3 && ((seen[5] ?? 0) & 0xf0) === 0xd0);
    });
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.write(REQUEST);
  });
}
