import { createServer, type Server } from 'node:http';
import type { Plan } from '../plan.js';
import { readShared } from '../share.js';

/**
 * The share on its own port and on the guest's side only, as with Samba, but spoken in HTTP: busybox has no SMB client.
 */
export function serveShare({ network, share }: Plan): Server | undefined {
  if (!share || network.mode === 'none') return undefined;
  const server = createServer((request, response) => {
    const name = /^\/Data\/([\w.-]+)$/.exec(request.url ?? '')?.[1];
    const content = name && !name.startsWith('.') ? readShared(share, name) : undefined;
    response.writeHead(content === undefined ? 404 : 200, { 'Cache-Control': 'no-store' }).end(content);
  });
  return server.listen(445, network.mode === 'nat' ? network.guestGateway : '127.0.0.1');
}
