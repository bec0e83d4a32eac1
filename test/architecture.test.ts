import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

/**
 * Who may import what: the direction in which data flows. A name is a folder of src/, a file in it, or a library; what is not
 * listed is forbidden. Node's own modules are free, but not to the domain.
 */
const allowed: Record<string, string[]> = {
  primitives: ['log.ts'],
  // Texts that people read are bounded and masked in the same way everywhere.
  domain: ['primitives/shorten.ts', 'primitives/unprintable.ts'],
  'settings.ts': ['zod', 'domain'],
  'config.ts': ['settings.ts', 'domain'],
  'log.ts': ['pino'],
  'logProcess.ts': ['log.ts'],
  'version.ts': [],
  db: ['domain', 'primitives', 'generated', 'log.ts', '@prisma/adapter-pg', 'pg'],
  // How a database is dialled, which keys its locks have, and what is kept free for it, stand once, and those who have one of their own need them too.
  postgres: ['db/connection.ts', 'db/locks.ts', 'db/reserve.ts', 'log.ts', 'pg'],
  transitions: ['db', 'domain', 'generated'],
  // What a text may be that a guest runs, is the guest's to say.
  actions: ['guest/guestText.ts', 'transitions', 'db', 'domain', 'events', 'primitives', 'generated', 'zod'],
  storage: ['domain', 'primitives', 'log.ts', 'zod'],
  // The type of the settings only; reading them is config.ts's.
  provisioner: ['config.ts', 'domain', 'primitives', 'storage', 'log.ts', 'dockerode', 'p-queue', 'zod'],
  events: ['db', 'domain', 'primitives', 'log.ts', 'ioredis', 'pg'],
  guest: [
    'answers',
    'transitions',
    'db',
    'domain',
    'events',
    'http',
    'primitives',
    'log.ts',
    'hono',
    '@hono',
    'iconv-lite',
  ],
  reconciler: [
    'guest/guestText.ts', // as for actions
    'p-queue',
    'transitions',
    'db',
    'domain',
    'events',
    'primitives',
    'log.ts',
    'provisioner/provisioner.ts',
  ],
  graphql: [
    'http/callers.ts',
    'http/hostCheck.ts',
    'http/refuse.ts',
    'http/readBody.ts',
    'http/underWay.ts',
    'actions',
    'db',
    'domain',
    'generated',
    'primitives',
    'log.ts',
    'ws',
    'graphql',
    'graphql-yoga',
    'graphql-ws',
    'lru-cache',
    '@pothos',
    '@graphql-yoga/render-graphiql',
  ],
  rest: [
    'answers',
    // Guests' routes answer at the main port too, and the webhook is in its documentation.
    'guest/guest.ts',
    'guest/webhook.ts',
    'http/callers.ts',
    'http/hostCheck.ts',
    'actions',
    'db',
    'domain',
    'primitives',
    'log.ts',
    'hono',
    '@hono',
  ],
  // What every API over HTTP says where it does not do what was asked.
  answers: ['db/databaseAway.ts', 'domain', 'primitives', 'log.ts', 'hono', '@hono'],
  http: ['domain', 'primitives', 'log.ts'],
};
/** Builds and wires everything, so it may import all. */
const wiring = ['main.ts', 'app.ts', 'core.ts', 'createHealth.ts', 'openProvisioner.ts', 'openScreens.ts', 'banner.ts'];
/** The pure domain hashes, which needs no world. */
const pureBuiltins = ['node:crypto'];

interface Import {
  file: string;
  from: string;
  target: string;
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('generated'))
    .toSorted();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:\bfrom|^import|\bimport\()\s*'([^']+)'/gm)].map(
    (match) => match[1] as string,
  );
  return specifiers.map((specifier) => {
    if (!specifier.startsWith('.')) return { file, from: roomOf(file), target: specifier };
    return {
      file,
      from: roomOf(file),
      target: relative(src, join(src, dirname(file), specifier)).replace(/\.js$/, '.ts'),
    };
  });
}

const roomOf = (file: string) => (file.includes('/') ? (file.split('/')[0] as string) : file);

function isAllowed({ from, target }: Import): boolean {
  if (wiring.includes(from)) return true;
  if (target.startsWith('node:')) return from !== 'domain' || pureBuiltins.includes(target);
  if (target.startsWith('..')) return false;
  const mayUse = allowed[from] ?? [];
  return roomOf(target) === from || mayUse.some((name) => target === name || target.startsWith(`${name}/`));
}

const WRITES = String.raw`\.(?:set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill)\(|(?:\.\w+|\[[^\]]+\])+ ?(?:=[^=>]|[-+*/|&?]{1,2}=|\+\+|--)`;

/** Names at the top of a module whose value changes while the process runs, as far as its text shows. */
function stateOf(file: string, text: string): string[] {
  const variables = [
    ...text.matchAll(
      /^(?:export )?(?:let|var) (\w+)|^\s+(?:private )?static (?!readonly\b|async\b)#?(\w+)\b(?![(<])/gm,
    ),
  ];
  const constants = [...text.matchAll(/^(?:export )?const (\w+)(?:: [^=\n]+)? = (new (?:\w+))?/gm)];
  const names = [
    ...variables.map(([, variable, member]) => variable ?? member),
    // What an instance of a class of our own or of a library holds can't be seen here; Map, Set and their like are written to in sight.
    ...constants.flatMap(([, name, made = 'new Set']) =>
      !/^new (?:(?:Weak)?(?:Map|Set)|RegExp|URL|TextEncoder)$/.test(made) ||
      new RegExp(`\\b${name}(?:${WRITES})`).test(text)
        ? name
        : [],
    ),
  ];
  return names.map((name) => `${file}: ${name}`);
}

const stateIn = (file: string) => stateOf(file, readFileSync(join(src, file), 'utf8'));

describe('the house', () => {
  test('every folder and file of src/ has its place in the table', () => {
    const rooms = new Set(sourceFiles().map(roomOf));
    expect([...rooms].filter((room) => !(room in allowed) && !wiring.includes(room))).toEqual([]);
  });

  test('imports go in the direction of the table', () => {
    const wrong = sourceFiles()
      .flatMap(importsOf)
      .filter((found) => !isAllowed(found))
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  test('what a room may use, it uses', () => {
    const used = sourceFiles().flatMap(importsOf);
    const idle = Object.entries(allowed).flatMap(([room, names]) =>
      names
        .filter(
          (name) =>
            !used.some(({ from, target }) => from === room && (target === name || target.startsWith(`${name}/`))),
        )
        .map((name) => `${room} may use ${name}`),
    );
    expect(idle).toEqual([]);
  });

  test('the settings are read in one place', () => {
    const readers = sourceFiles().filter((file) => readFileSync(join(src, file), 'utf8').includes('process.env'));
    expect(readers.filter((file) => file !== 'main.ts' && file !== 'config.ts')).toEqual([]);
  });

  test('what is written into rows, or compared with them, is the time of the database', () => {
    const rooms = ['actions', 'core.ts', 'db', 'events', 'graphql', 'guest', 'reconciler', 'rest', 'transitions'];
    // That of this machine is for nothing there: what passes is measured by `performance.now()`, which nobody can set.
    const own = sourceFiles().filter(
      (file) =>
        rooms.includes(roomOf(file)) &&
        /new Date\(\)|Date\.now\(\)|timeOrigin/.test(readFileSync(join(src, file), 'utf8')),
    );
    expect(own).toEqual(['db/clock.ts']);
  });

  test('no module keeps anything that changes: what lives is built in core.ts', () => {
    expect(sourceFiles().flatMap(stateIn)).toEqual([
      // The types of the schema are added to it while modules are loaded, and nothing any more once it is built.
      'graphql/builder.ts: builder',
      // The process itself: it logs before there are settings, which then say how much.
      'main.ts: log',
    ]);
  });

  test('what would be such a state is found', () => {
    const found = (text: string) => stateOf('a.ts', text).map((name) => name.replace('a.ts: ', ''));
    expect(found('let self: Promise<Owner> | undefined;')).toEqual(['self']);
    expect(found('export let a = 1;\nvar b;')).toEqual(['a', 'b']);
    expect(found('const known = new WeakMap<A, B>();\nfunction f() {\n  known.set(a, b);\n}')).toEqual(['known']);
    expect(found('const KNOWN: Map<string, A> = new Map([\n  [1, 2],\n]);\nKNOWN.delete(1);')).toEqual(['KNOWN']);
    expect(found('const list: string[] = [];\nconst f = () => list.push(1);')).toEqual(['list']);
    expect(found('const counts = { asked: 0 };\nconst f = () => counts.asked++;')).toEqual(['counts']);
    expect(found('const byName: A = {};\nconst f = () => {\n  byName[name] = 1;\n};')).toEqual(['byName']);
    expect(found('const lock = new KeyedLock();')).toEqual(['lock']);
    expect(found('const turns = createTurns();\nclass A {\n  static count = 0;\n}')).toEqual(['count']);
    expect(found("const RULES = new Map([['a', 1]]);\nconst known = new Set(['a']);\nknown.has('b');")).toEqual([]);
  });

  test('HTTP is listened for in one place, where each socket gets its listener for errors', () => {
    const listening = sourceFiles().filter((file) =>
      /\bcreateServer\b.* from 'node:https?'/.test(readFileSync(join(src, file), 'utf8')),
    );
    expect(listening).toEqual(['http/createListener.ts']);
  });

  test('files are small', () => {
    const large = sourceFiles().filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 260);
    expect(large).toEqual([]);
  });

  test('advisory locks are taken by the keys of one list', () => {
    const keys = sourceFiles().filter((file) =>
      /pg_\w*advisory\w*\((?!\$1|\$\{LOCKS)/.test(readFileSync(join(src, file), 'utf8')),
    );
    expect(keys).toEqual([]);
  });

  test('its description knows each room, and the files that it names are there', () => {
    const text = readFileSync(join(src, '../docs/architecture.md'), 'utf8');
    const rooms = Object.keys(allowed).filter((room) => !room.endsWith('.ts'));
    expect(rooms.filter((room) => !text.includes(`\`${room}/\``))).toEqual([]);
    const named = [...text.matchAll(/`((?:[\w-]+\/)*[\w.-]+\.(?:ts|md))`/g)].map((match) => match[1] as string);
    const isThere = (file: string) => [src, join(src, '..')].some((folder) => existsSync(join(folder, file)));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((file) => !isThere(file))).toEqual([]);
  });

  test('no name says nothing', () => {
    expect(
      sourceFiles().filter((file) => /(^|\/)(utils?|helpers?|common|services?|managers?|index)\b/.test(file)),
    ).toEqual([]);
  });
});
