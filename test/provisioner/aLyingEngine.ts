import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { json } from 'node:stream/consumers';

type Lie = (path: string, truth: Record<string, unknown>) => { status?: number; body: object };

/** Listens on the socket and passes everything on to Docker; what it answers to GET of one thing is changed by `lie`. */
export async function aLyingEngine(socket: string, lie: Lie): Promise<{ close: () => void }> {
  const server = createServer((incoming, answer) => {
    const { method, url: path = '', headers } = incoming;
    const onward = request({ socketPath: '/var/run/docker.sock', method, path, headers, agent: false });
    onward.on('response', (response) => {
      if (method === 'GET' && ['/version', '/info'].includes(path)) {
        json(response).then(
          (truth) => {
            const { status = 200, body } = lie(path, truth as Record<string, unknown>);
            answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
          },
          () => answer.destroy(),
        );
        return;
      }
      answer.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }).listen(socket);
  await once(server, 'listening');
  return {
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
