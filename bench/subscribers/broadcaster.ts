import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { clock, type FromBroadcaster, type Moment, type ToBroadcaster } from './messages.js';

/** The least that a server can do: text that is there already, sent to sockets that are open already. */
const sockets: WebSocket[] = [];
let moments: Moment[] = [];
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });

server.on('connection', (socket) => sockets.push(socket));

process.on('message', (order: ToBroadcaster | { do: 'port' }) => {
  if (order.do === 'port') return answer({ port: (server.address() as AddressInfo).port });
  if (order.do === 'tell') {
    answer({ moments });
    moments = [];
    return;
  }
  moments.push([order.seq, clock()]);
  if (order.to === 'all') for (const socket of sockets) socket.send(order.text);
  else sockets[order.to]?.send(order.text);
});
process.on('disconnect', () => process.exit());

function answer(told: FromBroadcaster): void {
  process.send?.(told);
}
