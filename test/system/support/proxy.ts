import { once } from 'node:events';
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Server, type Socket } from 'node:net';

export interface Outage {
  /** Listens, at the same place each time. */
  open(): Promise<void>;
  /** Nothing listens any more and every connection is cut. */
  close(): Promise<void>;
  /** Connections stay and new ones are taken, but no byte passes any more: what a lost network looks like. */
  hang(): void;
}

/** Stands before something that a test wants to take away and bring back; first it is away. */
export function createProxy(at: ListenOptions, target: NetConnectOpts): Outage {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let hanging = false;

  const take = (near: Socket) => {
    const far = connect(target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!hanging) to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  };
  return {
    async open() {
      hanging = false;
      server = createServer(take).listen(at);
      await once(server, 'listening');
    },
    async close() {
      const closing = server;
      server = undefined;
      for (const socket of sockets) socket.destroy();
      if (!closing) return;
      const closed = once(closing, 'close');
      closing.close();
      await closed;
    },
    hang() {
      hanging = true;
    },
  };
}
