import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';

const WELCOME = `# vapiorc: Windows VMs on demand. Click the book on the left to read the whole API.
{
  health {
    status
    database { status message }
    provisioner { status message }
  }
  pools {
    vmType
    hotSpares
    queued
    counts { readySpares booting assigned }
  }
}
`;

/** The page brings all its code and styles along; nothing else may be loaded, and no other page may frame it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob:",
  "style-src 'unsafe-inline'",
  'img-src data:',
  'font-src data:',
  'worker-src blob:',
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

interface Page {
  gzipped: Buffer;
  etag: string;
}

/** Serves GraphiQL. The page is 9 MB: it is made and compressed once, when it is first asked for, and then a browser keeps it. */
export function createGraphiql(): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  let page: Promise<Page> | undefined;
  return async (req, res) => {
    page ??= render();
    const { gzipped, etag } = await page;
    res.setHeader('ETag', etag);
    res.setHeader('Cache-Control', 'no-cache'); // keep it, but ask whether it is still the same
    res.setHeader('Vary', 'Accept, Accept-Encoding');
    if (req.headers['if-none-match']?.includes(etag)) {
      res.writeHead(304).end();
      return;
    }
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Content-Security-Policy', POLICY);
    const takesGzip = /\bgzip\b/.test(String(req.headers['accept-encoding'] ?? ''));
    if (takesGzip) res.setHeader('Content-Encoding', 'gzip').setHeader('Content-Length', gzipped.length);
    if (req.method === 'HEAD' || takesGzip) {
      res.end(req.method === 'HEAD' ? undefined : gzipped);
      return;
    }
    const plain = createGunzip();
    res.once('close', () => plain.destroy());
    plain.pipe(res);
    plain.end(gzipped);
  };
}

async function render(): Promise<Page> {
  // Only here: the module holds the 9 MB.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({
    title: 'vapiorc',
    defaultQuery: WELCOME,
    subscriptionsProtocol: 'WS',
    schemaDescription: true,
  });
  const etag = `"${createHash('sha256').update(html).digest('base64url').slice(0, 27)}"`;
  return { gzipped: await promisify(gzip)(html), etag };
}
