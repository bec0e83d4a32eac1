import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A registry on this machine that has one small image, and counts how often its layer is fetched. */
export async function aRegistry() {
  const folder = mkdtempSync(join(tmpdir(), 'vapiorc-registry-'));
  writeFileSync(join(folder, 'file'), randomBytes(2 << 20)); // of its own each time: the engine keeps layers that it knows
  const tar = execFileSync('tar', ['-C', folder, '-c', 'file'], { maxBuffer: 8 << 20 });
  rmSync(folder, { recursive: true });
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [{}],
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPE,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: digestOf(config),
      },
      layers: [
        { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: layer.length, digest: digestOf(layer) },
      ],
    }),
  );
  let layerFetches = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const send = (type: string, body: Buffer) => {
      response.writeHead(200, {
        'content-type': type,
        'content-length': body.length,
        'docker-content-digest': digestOf(body),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (path === '/v2/') send('application/json', Buffer.from('{}'));
    else if (/^\/v2\/guest\/manifests\/(latest|sha256:.*)$/.test(path)) send(TYPE, manifest);
    else if (path.endsWith(digestOf(config))) send('application/octet-stream', config);
    else if (path.endsWith(digestOf(layer))) {
      layerFetches++;
      send('application/octet-stream', layer);
    } else response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    layerFetches: () => layerFetches,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
