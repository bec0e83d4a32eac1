#!/usr/bin/env node
import { randomUUID } from 'node:crypto';
// Drop-in stand-in for Prisma 7's native `schema-engine` binary:
// speaks the same CLI + JSON-RPC-over-stdio protocol, backed by the official
// @prisma/schema-engine-wasm build of the very same engine + @prisma/adapter-pg.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';

const require = createRequire(import.meta.url);

// ---- load wasm (package is a "bundler" wasm-bindgen target; Node 20 needs manual instantiation)
async function loadEngine() {
  const bgPath = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bg = await import(pathToFileURL(bgPath).href);
  // Where the engine says what it panicked about; without it the panic itself can't be read.
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => process.stderr.write(`${message}\n`) };
  const wasm = readFileSync(bgPath.replace(/\.js$/, '.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': bg });
  bg.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return bg;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: {
    datamodels: { type: 'string', multiple: true, short: 'd' },
    datasource: { type: 'string' },
    'enabled-preview-features': { type: 'string' },
    'extension-types': { type: 'string' },
    version: { type: 'boolean' },
  },
});

const datasource = values.datasource ? JSON.parse(values.datasource) : {};

function pgConfig(url) {
  const u = new URL(url);
  const schema = u.searchParams.get('schema') ?? undefined;
  const host = u.searchParams.get('host') ?? decodeURIComponent(u.hostname);
  return {
    schema,
    config: {
      host,
      port: u.port ? Number(u.port) : 5432,
      user: decodeURIComponent(u.username),
      password: u.password ? decodeURIComponent(u.password) : undefined,
      database: decodeURIComponent(u.pathname.slice(1)) || 'postgres',
      ssl:
        u.searchParams.get('sslmode') && u.searchParams.get('sslmode') !== 'disable'
          ? { rejectUnauthorized: false }
          : undefined,
      max: 5,
    },
  };
}

// PrismaPg.executeScript() splits naively on ';' (breaks $$-quoted bodies) -> send the script as one simple query.
function fixScript(adapter) {
  // PrismaPg 7 no longer maps OID 18 ("char"), which the schema describer selects from pg_constraint and reads as a character:
  // let it pass as text (OID 25), then give those columns their right type.
  const characters = new WeakMap();
  const performIO = adapter.performIO.bind(adapter);
  adapter.performIO = async (query) => {
    const result = await performIO(query);
    const found = result.fields.flatMap((field, n) => (field.dataTypeID === 18 ? [n] : []));
    for (const n of found) result.fields[n].dataTypeID = 25;
    characters.set(query, found);
    return result;
  };
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const n of characters.get(query) ?? []) result.columnTypes[n] = ColumnTypeEnum.Character;
    return result;
  };
  adapter.executeScript = async (script) => {
    if (script.trim()) await adapter.underlyingDriver().query(script);
  };
  return adapter;
}

function adapterFactory(url, shadowUrl) {
  const { config, schema } = pgConfig(url);
  const base = new PrismaPg(config, schema ? { schema } : undefined);
  return {
    provider: base.provider,
    adapterName: base.adapterName,
    connect: async () => fixScript(await base.connect()),
    connectToShadowDb: async () => {
      if (shadowUrl) {
        const s = pgConfig(shadowUrl);
        return fixScript(await new PrismaPg(s.config, s.schema ? { schema: s.schema } : undefined).connect());
      }
      const database = `prisma_migrate_shadow_db_${randomUUID()}`;
      const admin = new pg.Client(config);
      await admin.connect();
      await admin.query(`CREATE DATABASE "${database}"`);
      const shadow = fixScript(await new PrismaPg({ ...config, database }, schema ? { schema } : undefined).connect());
      const dispose = shadow.dispose.bind(shadow);
      shadow.dispose = async () => {
        await dispose();
        await admin.query(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
        await admin.end();
      };
      return shadow;
    },
  };
}

const logLine = (level, fields) =>
  process.stderr.write(
    `${JSON.stringify({ timestamp: new Date().toISOString(), level, fields, target: 'schema_engine::logger' })}\n`,
  );

const UFE = { '3D000': 'P1003', '28P01': 'P1000', 28000: 'P1000', '42P04': 'P1009' };
const describe = (e, registry) => {
  let message = e.message;
  const id = /External error id#(\d+)/.exec(message)?.[1];
  const cause = id === undefined ? undefined : registry?.consumeError(Number(id))?.error;
  if (cause)
    message = message.replace(
      /External error id#\d+/,
      `${cause.message}${cause.detail ? `\nDETAIL: ${cause.detail}` : ''}${cause.code ? ` (SQLSTATE ${cause.code})` : ''}`,
    );
  return {
    is_panic: false,
    message,
    error_code: UFE[e.code] ?? (/^E(CONN|NOTFOUND|HOST)/.test(e.code ?? '') ? 'P1001' : undefined),
    backtrace: null,
  };
};

// ---- `schema-engine cli can-connect-to-database | create-database | drop-database`
async function cli(command) {
  const { config } = pgConfig(datasource.url);
  const withAdmin = async (sql) => {
    const c = new pg.Client({ ...config, database: 'postgres' });
    await c.connect();
    try {
      await c.query(sql);
    } finally {
      await c.end();
    }
  };
  try {
    if (command === 'can-connect-to-database') {
      const c = new pg.Client(config);
      await c.connect();
      await c.end();
    } else if (command === 'create-database') await withAdmin(`CREATE DATABASE "${config.database}"`);
    else if (command === 'drop-database') await withAdmin(`DROP DATABASE "${config.database}" WITH (FORCE)`);
    else throw new Error(`unknown cli command ${command}`);
    process.exitCode = 0;
  } catch (e) {
    logLine('INFO', { message: 'schema-engine-wasm shim' }); // Prisma's CLI drops the first stderr line
    logLine('ERROR', describe(e));
    process.exitCode = 1;
  }
}

// ---- JSON-RPC on stdio
async function rpc() {
  const bg = await loadEngine();
  const datamodels = (values.datamodels ?? []).map((p) => [p, readFileSync(p, 'utf8')]);
  let bound;
  let engine;
  const getEngine = async () => {
    if (engine) return engine;
    const url = datasource.url ?? 'postgresql://127.0.0.1:1/none'; // pure datamodel diffs need no DB, but the ctor wants an adapter
    bound = bindMigrationAwareSqlAdapterFactory(adapterFactory(url, datasource.shadowDatabaseUrl));
    engine = await bg.SchemaEngine.new(
      { datamodels: datamodels.length ? datamodels : undefined },
      (l) => logLine('INFO', { message: String(l) }),
      bound,
    );
    return engine;
  };
  const print = (content) =>
    process.stdout.write(`${JSON.stringify({ id: 0, jsonrpc: '2.0', method: 'print', params: { content } })}\n`);
  const methods = {
    createDatabase: async () => {
      const { config } = pgConfig(datasource.url);
      const c = new pg.Client({ ...config, database: 'postgres' });
      await c.connect();
      try {
        await c.query(`CREATE DATABASE "${config.database}"`);
      } finally {
        await c.end();
      }
      return { databaseName: config.database };
    },
    getDatabaseVersion: async (p) => (await getEngine()).version(p ?? null),
    diff: async (p) => {
      const r = await (await getEngine()).diff(p);
      if (r?.stdout != null) {
        print(r.stdout);
      }
      return { exitCode: r?.exitCode ?? 0, stdout: null };
    },
  };
  let pending = Promise.resolve();
  const handle = async (line) => {
    const req = JSON.parse(line);
    if (!req.method) return; // reply to a print notification
    try {
      const e = methods[req.method] ? null : await getEngine();
      const result = methods[req.method] ? await methods[req.method](req.params) : await e[req.method](req.params);
      process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: req.id, result: result ?? null })}\n`);
    } catch (err) {
      const ufe = /^(P\d{4})\b/.exec(err?.code ?? '') ? err.code : undefined;
      if (process.env.SHIM_DEBUG) console.error(err, Object.keys(err ?? {}), bound?.errorRegistry);
      process.stdout.write(
        `${JSON.stringify({
          jsonrpc: '2.0',
          id: req.id,
          error: {
            code: 4466,
            message: 'An error happened. Check the data field for details.',
            data: {
              ...describe(err, bound?.errorRegistry),
              ...(ufe ? { error_code: ufe } : {}),
              meta: err?.meta ?? null,
            },
          },
        })}\n`,
      );
    }
  };
  const rl = createInterface({ input: process.stdin });
  rl.on('line', (line) => {
    if (line.trim()) pending = pending.then(() => handle(line));
  });
  rl.on('close', () => {
    void pending.then(() => process.exit(0));
  });
}

if (values.version) {
  console.log(`schema-engine-cli wasm ${(await loadEngine()).version()}`);
} else if (positionals[0] === 'cli') await cli(positionals[1]);
else await rpc();
