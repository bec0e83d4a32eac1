import { createServer, type Server } from 'node:net';

const connectionRequest = 0xe0;
// TPKT header, X.224 connection confirm, RDP negotiation response: TLS accepted.
const confirm = Buffer.from('030000130ed000001234000200080001000000', 'hex');

/** Answers the first step of RDP. While `isFrozen` the port is open but nobody answers, like a paused VM. */
export function rdpServer(isFrozen: () => boolean): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 7 || isFrozen()) return;
      if (received[0] === 3 && received[5] === connectionRequest) socket.write(confirm);
      else socket.destroy();
      received = Buffer.alloc(0);
    });
  });
}
