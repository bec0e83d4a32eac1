import type { Hono } from 'hono';

const addresses = {
  graphql: '/graphql',
  graphiql: '/graphql',
  docs: '/docs',
  openapi: '/openapi.json',
  health: '/health',
  events: '/api/vms/events',
  instances: '/api/vms/instances',
  golden_images: '/api/vms/golden-images',
  assign_vm: '/api/vms/assign',
};

/** Says what is where: to a browser as a page, to everything else as JSON. */
export function addHomeRoute(app: Hono, version: string): void {
  app.get('/', (c) => {
    c.header('Vary', 'Accept');
    if (!/\btext\/html\b/.test(c.req.header('accept') ?? '')) {
      return c.json({ message: 'vapiorc', version, docs: addresses.docs, endpoints: addresses });
    }
    return c.html(page(version), 200, {
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    });
  });
}

/** Relative: a proxy may put the server below a path. */
const here = (address: string) => address.slice(1);

const page = (version: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vapiorc</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem; }
dt { margin-top: 1rem; font-weight: 600; }
dd { margin: 0; }
</style>
</head>
<body>
<h1>vapiorc <small>${version}</small></h1>
<p>Windows VMs on demand.</p>
<dl>
<dt><a href="${here(addresses.graphiql)}">GraphiQL</a></dt><dd>Queries, changes and live events, with completion.</dd>
<dt><a href="${here(addresses.docs)}">REST API</a></dt><dd>Its document is <a href="${here(addresses.openapi)}">openapi.json</a>.</dd>
<dt><a href="${here(addresses.health)}">Health</a></dt><dd>How the server and what it needs are.</dd>
</dl>
</body>
</html>
`;
