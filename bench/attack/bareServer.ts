import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

/** What a server can do that has nothing to do: answers all alike, and takes any WebSocket without listening to it. */
const EVENTS = `data: ${'x'.repeat(300)}\n\n`.repeat(1_550);

const server = createServer((req, res) => {
  req.resume();
  if (req.url?.startsWith('/api/vms/events')) {
    res.write(EVENTS);
    return;
  }
  // As a server does that reads what it is sent.
  req.on('end', () => res.end('{"status":"ok"}'));
});
const sockets = new WebSocketServer({ noServer: true });
sockets.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.once('message', () => socket.send('{"type":"connection_ack"}'));
});
server.on('upgrade', (req, socket, head) => {
  socket.on('error', () => {});
  if (req.url === '/graphql') sockets.handleUpgrade(req, socket, head, (made) => sockets.emit('connection', made));
  else socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
});
const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
process.on(
  'message',
  () => void listening.then(() => process.send?.({ port: (server.address() as AddressInfo).port })),
);
process.on('disconnect', () => process.exit());
