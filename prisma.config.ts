import { fileURLToPath } from 'node:url';
import { defineConfig } from 'prisma-cli/config';

// Prisma's CLI fetches a native schema engine at its first run. The same engine is published to npm as WebAssembly, so
// no download is needed: tools/schema-engine.mjs speaks the native engine's protocol. Windows cannot start a script as a program.
if (process.platform !== 'win32') {
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(new URL('./tools/schema-engine.mjs', import.meta.url));
}

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? 'postgresql://localhost/vapiorc' },
});
