import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

const TYPES = { 1: 'A', 28: 'AAAA' } as const;

/** A name server of this machine that knows these names, and says of others that there are none. Its `address` is for setServers. */
export async function aNameServer(names: Record<string, { A?: string; AAAA?: string }>) {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const { name, end } = nameIn(query);
    const type = TYPES[query.readUInt16BE(end) as keyof typeof TYPES];
    const found = type && names[name]?.[type];
    const answer = Buffer.concat([
      query.subarray(0, end + 4),
      ...(found ? [record(query.readUInt16BE(end), found)] : []),
    ]);
    answer.writeUInt16BE(names[name] ? 0x8180 : 0x8183, 2);
    answer.writeUInt16BE(found ? 1 : 0, 6); // answers
    answer.fill(0, 8, 12); // no authorities, nothing additional
    socket.send(answer, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

/** The name that is asked for, and where it ends: type and class follow. */
function nameIn(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function record(type: number, address: string): Buffer {
  const data =
    type === 1
      ? Buffer.from(address.split('.').map(Number))
      : Buffer.from(
          address
            .split(':')
            .map((group) => group.padStart(4, '0'))
            .join(''),
          'hex',
        );
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name that was asked for
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
