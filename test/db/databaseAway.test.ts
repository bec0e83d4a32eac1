import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/db/client.js';
import { databaseAway } from '../../src/db/databaseAway.js';
import { createTestDatabase } from '../support/database.js';

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no fault',
    (err: unknown) => err,
  );
}

test('what the driver says of a connection that broke is the database being away', async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url, query_timeout: 50, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  const late = await faultOf(client.query('SELECT pg_sleep(1)'));
  const broken = faultOf(client.query('SELECT pg_sleep(1)'));
  client.connection.stream.destroy(new Error('broken'));
  await broken;
  const afterwards = await faultOf(client.query('SELECT 1'));
  await database.drop();

  expect([String(late), String(afterwards)]).toEqual([
    'Error: Query read timeout',
    'Error: Client has encountered a connection error and is not queryable',
  ]);
  for (const fault of [late, afterwards]) expect(databaseAway(fault)).toMatchObject({ code: 'UNAVAILABLE' });
});

/** Who answers a client's first words in this way. */
async function faultFrom(answer: (socket: Socket) => void): Promise<unknown> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const db = openDatabase(`postgresql://u:p@127.0.0.1:${port}/d`, 1);
  const fault = await faultOf(db.pool.count());
  await db.$disconnect();
  server.close();
  return fault;
}

/** An ErrorResponse of Postgres' protocol. */
function errorResponse(code: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mno\0\0`);
  const header = Buffer.alloc(5);
  header.write('E');
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}

test.each([
  ['hangs up', (socket: Socket) => socket.destroy()],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ['shuts down', (socket: Socket) => socket.end(errorResponse('57P01'))],
  ['is starting', (socket: Socket) => socket.end(errorResponse('57P03'))],
  ['has no connection left', (socket: Socket) => socket.end(errorResponse('53300'))],
  ['is a pooler whose server is gone', (socket: Socket) => socket.end(errorResponse('08P01'))],
])('a database that %s is away', async (_case, answer) =>
  expect(databaseAway(await faultFrom(answer))).toMatchObject({ code: 'UNAVAILABLE', part: 'database' }),
);

test.each([
  'postgresql://u:p@localhost/d?host=/nowhere',
  'postgresql://u:p@127.0.0.1:9/d',
  'postgresql://u:p@nowhere.invalid/d',
])('a database at %s is away', async (url) => {
  const db = openDatabase(url, 1);
  expect(databaseAway(await faultOf(db.pool.count()))).toMatchObject({ code: 'UNAVAILABLE' });
  await db.$disconnect();
});

test('a statement that took longer than anybody waits is the database being away', async () => {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, 1);
  const fault = await faultOf(
    db.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL statement_timeout = 50`;
      await tx.$queryRaw`SELECT pg_sleep(1)::text`;
    }),
  );
  await db.$disconnect();
  await database.drop();
  expect(databaseAway(fault)).toMatchObject({ code: 'UNAVAILABLE' });
});

test('a file of ours that is missing is another fault', () => {
  const missing = Object.assign(new Error("ENOENT: no such file or directory, open '/x'"), {
    code: 'ENOENT',
    syscall: 'open',
  });
  expect(databaseAway(missing)).toBeUndefined();
});
