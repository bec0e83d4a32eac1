import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { refuseRequest } from '../../src/http/refuse.js';
import { UnderWay } from '../../src/http/underWay.js';
import { until } from '../support/until.js';

const LONGEST = LIMITS.graphqlBodyBytes.value;
const OF_ADDRESS = LIMITS.bodyBytesPerAddress.value / LONGEST;
const ALL = LIMITS.bodyBytes.value / LONGEST;

let sockets: Socket[];
let waiting: ServerResponse[];
let underWay: UnderWay;
const server = createServer((req, res) => {
  const refusal = underWay.begin(req, res);
  if (refusal) refuseRequest(req, res, refusal);
  else waiting.push(res);
  req.on('error', () => {}).resume();
});
beforeEach(async () => {
  [sockets, waiting, underWay] = [[], [], new UnderWay()];
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

/** Sends a head and the beginning of a body; the status that is answered, or "waits" where it was let in. */
async function begin(from: string, length: string, body = 'x', line = 'POST /graphql'): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, localAddress: from }).setEncoding('utf8');
  sockets.push(socket.on('error', () => {}));
  let came = '';
  socket.on('data', (text: string) => {
    came += text;
  });
  const before = waiting.length;
  socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n${body}`);
  await until('it is answered or let in', async () => came !== '' || waiting.length > before);
  return came === '' ? 'waits' : (/"code":"\w+"/.exec(came)?.[0] ?? came);
}
const declared = (bytes: number) => `Content-Length: ${bytes}`;
const REFUSED = '"code":"TOO_MUCH_SENT"';

test('bodies that are under way have a bounded size, of one address and of all', async () => {
  for (let n = 0; n < OF_ADDRESS; n++) expect(await begin('127.0.0.2', declared(LONGEST))).toBe('waits');
  expect(await begin('127.0.0.2', declared(1))).toBe(REFUSED);
  expect(await begin('127.0.0.2', declared(LONGEST), 'x', 'PUT /api/vms/instances/x/files/in/y')).toBe('waits');
  expect(await begin('127.0.0.2', 'Accept: */*', '', 'GET /graphql')).toBe('waits');
  for (let n = OF_ADDRESS; n < ALL; n++) expect(await begin('127.0.0.3', declared(LONGEST))).toBe('waits');
  expect(await begin('127.0.0.4', declared(1))).toBe(REFUSED);

  waiting[0]?.end();
  await until('its room is given back', async () => (await begin('127.0.0.4', declared(1))) === 'waits');
  sockets[1]?.destroy();
  await until('so is that of one who went', async () => (await begin('127.0.0.2', declared(LONGEST))) === 'waits');
});

test('one of unknown length has room for the longest until it has come', async () => {
  const chunked = 'Transfer-Encoding: chunked';
  for (let n = 0; n < OF_ADDRESS; n++) expect(await begin('127.0.0.2', chunked, '5\r\nhello\r\n')).toBe('waits');
  expect(await begin('127.0.0.2', chunked, '5\r\nhello\r\n')).toBe(REFUSED);
  sockets[0]?.write('0\r\n\r\n');
  await until('it has come', async () => (await begin('127.0.0.2', declared(LONGEST - 1_000))) === 'waits');
  expect(await begin('127.0.0.2', declared(2_000))).toBe(REFUSED);
});
