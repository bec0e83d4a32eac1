import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Hono } from 'hono';

const folder = join(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'), '..');

/** The page works without internet: what it needs comes from the installed package. */
const assets: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** All addresses are relative, for a proxy may put the server below a path. `folder`: of the files, as the page's address has it. */
const page = (folder: '' | 'docs/') => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vapiorc REST API</title>
<link rel="icon" type="image/png" href="${folder}favicon-32x32.png">
<link rel="stylesheet" href="${folder}swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="${folder}swagger-ui-bundle.js"></script>
<script src="${folder}start.js"></script>
</body>
</html>
`;

/** A file of its own: the page's policy allows no script inside it. The validator badge would ask a server elsewhere. */
const start = `const url = new URL('../openapi.json', document.currentScript.src).href;
SwaggerUIBundle({ url, dom_id: '#docs', deepLinking: true, validatorUrl: null });
`;

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function addDocsRoutes(app: Hono): void {
  const files = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  app.get('/docs', (c) => c.html(page('docs/'), 200, { 'Content-Security-Policy': policy }));
  app.get('/docs/', (c) => c.html(page(''), 200, { 'Content-Security-Policy': policy }));
  app.get('/docs/start.js', (c) => c.body(start, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }));
  for (const [name, type] of Object.entries(assets)) {
    app.get(`/docs/${name}`, async (c) => {
      const file = files.get(name) ?? readFile(join(folder, name)).then((content) => new Uint8Array(content));
      files.set(name, file);
      return c.body(await file, 200, { 'Content-Type': type, 'Cache-Control': 'max-age=3600' });
    });
  }
}
