import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { describe, expect, test } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** A call in the sources, with all that a rule looks at. */
interface Call {
  file: string;
  /** As it is written: `net.connect`, `new pg.Client`. */
  name: string;
  /** Its arguments, as text. */
  args: string;
  /** Whether its file imports node:net: `connect` is also the name of other things. */
  hasNet: boolean;
  /** What it is part of, up to the end of its function or class. */
  around: string;
}

/** A thing that may have no end, how it is known, and what gives it one. */
interface Rule {
  what: string;
  name: RegExp;
  /** Only in files that match. */
  where?: RegExp;
  /** What must stand in its arguments, or in its function or class. */
  ends: (call: Call) => boolean;
}

const RULES: readonly Rule[] = [
  {
    what: 'a signal that Node 20 collects: use deadline()',
    name: /^AbortSignal\.(any|timeout)$/,
    ends: () => false,
  },
  {
    what: 'a connection to Postgres whose answers have no limit: use openSession() or connectionConfig()',
    name: /^new (pg\.)?(Client|Pool|PrismaPg)$/,
    where: /^(db|events)\//,
    ends: ({ args }) => /connectionConfig\(|query_timeout/.test(args),
  },
  {
    what: 'a Redis without a limit',
    name: /^new Redis$/,
    ends: ({ around }) => /commandTimeout|\boptions\b/.test(around),
  },
  {
    what: 'a request without a limit',
    name: /^(fetch|get|request|http\.get|http\.request)$/,
    ends: ({ args, around }) => /signal|timeout:/.test(args) || /deadline\(/.test(around),
  },
  {
    what: 'a socket without a limit or without a listener for its fault',
    name: /^(net\.)?(connect|createConnection)$/,
    // ioredis itself limits how long a connector of it may take.
    ends: ({ hasNet, around }) =>
      !hasNet ||
      (/on\('error'/.test(around) && (/setTimeout\(/.test(around) || /extends AbstractConnector/.test(around))),
  },
  {
    what: 'a listener that hands over sockets whose faults nobody hears: use createListener()',
    name: /^(http\.)?createServer$/,
    where: /^(http\/|app|core|main)/,
    ends: ({ around }) => /on\('connection', \(socket\) => \{[^}]*socket\.on\('error'/.test(around),
  },
  {
    what: 'a good-bye that may never be answered, to Postgres: use endSession(); to a socket: cut it off in time',
    name: /^\(?(await )?(client|admin|socket|caller|connection)\)?\.end$/,
    where: /^(db|events|http|provisioner)\//,
    ends: ({ around }) => /setTimeout\(|sleep\(/.test(around),
  },
  {
    what: 'an interval that nobody clears',
    name: /^setInterval$/,
    ends: ({ around }) => /clearInterval\(/.test(around),
  },
  {
    what: 'a program without a limit',
    name: /^(execFile|exec|execFileSync|spawn|spawnSync)$/,
    // Postgres itself runs for as long as its server does, which watches over it.
    ends: ({ file, args, around }) =>
      file === 'postgres/postmaster.ts' || /timeout:/.test(args) || /setTimeout\(|deadline\(|kill\(/.test(around),
  },
  {
    what: 'an engine that is asked without a limit: use openEngine()',
    name: /^new Docker$/,
    ends: ({ file }) => file === 'provisioner/docker/engine/engine.ts',
  },
];

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('generated'))
    .toSorted();
}

interface Node {
  type: string;
  start: number;
  end: number;
  callee?: Node;
  arguments?: Node[];
}

/** All calls; what is around each is what stands at the top of its file: a function, a class. */
function callsIn(file: string, text: string): Call[] {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const write = ({ start, end }: Node) => text.slice(start, end);
  return (program.body as Node[]).flatMap((top) =>
    nodesIn(top)
      .filter(({ type }) => type === 'CallExpression' || type === 'NewExpression')
      .map(({ type, callee, arguments: args = [] }) => ({
        file,
        name: `${type === 'NewExpression' ? 'new ' : ''}${callee ? write(callee) : ''}`,
        args: args.map(write).join(', '),
        hasNet: /from 'node:net'/.test(text),
        around: write(top),
      })),
  );
}

function nodesIn(value: unknown): Node[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(nodesIn);
  return 'type' in value && typeof value.type === 'string' ? [value as Node, ...inner] : inner;
}

function endless(file: string, text: string): string[] {
  return callsIn(file, text).flatMap((call) =>
    RULES.filter(({ name, where, ends }) => name.test(call.name) && (where?.test(file) ?? true) && !ends(call)).map(
      ({ what }) => `${file}: ${call.name}: ${what}`,
    ),
  );
}

describe('every call has an end', () => {
  test('in all sources', () => {
    const found = sourceFiles().flatMap((file) => endless(file, readFileSync(join(src, file), 'utf8')));
    expect(found).toEqual([]);
  });

  test.each([
    ['rest/x.ts', 'const over = AbortSignal.any([gone, AbortSignal.timeout(5)]);', 2],
    ['db/x.ts', 'async function ask() { await new pg.Client({ connectionString: url }).connect(); }', 1],
    ['events/x.ts', 'const redis = new Redis(url);', 1],
    ['provisioner/x.ts', 'const page = () => get({ host }, () => {});', 1],
    ['http/x.ts', 'function listen() { return createServer(handle).listen(0); }', 1],
    [
      'provisioner/x.ts',
      "import { connect } from 'node:net'; function ask() { const socket = connect({ host }); socket.on('error', () => {}); }",
      1,
    ],
    ['http/x.ts', 'class Door { start() { this.timer = setInterval(tick, 5); } }', 1],
    ['storage/x.ts', "execFile('du', [], { maxBuffer: 5 }, done);", 1],
    ['provisioner/x.ts', 'const docker = new Docker({ socketPath });', 1],
    ['db/x.ts', 'async function ask() { await client.end(); }', 1],
    ['http/x.ts', 'function refuse(socket) { socket.end(text); }', 1],
    ['http/x.ts', 'class Door { pass() { return request({ agent }); } }', 1],
    ['storage/x.ts', "execFile('du', [], { timeout: 5 }, done);", 0],
  ])('the rules find what has none: %s: %s', (file, text, count) => {
    expect(endless(file, text)).toHaveLength(count);
  });
});
