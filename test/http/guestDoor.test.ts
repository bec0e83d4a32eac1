import { createConnection, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { GuestDoor } from '../../src/http/guestDoor.js';
import { createLog } from '../../src/log.js';
import { until } from '../support/until.js';
import { freePort } from '../system/support/ports.js';

let door: GuestDoor | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await door?.stop();
});

async function open(network: () => Promise<{ gateway: string; subnet: string }>) {
  const port = await freePort();
  door = new GuestDoor({ handle: (_req, res) => void res.end('guest'), port, network, log: createLog('silent') });
  door.start();
  return { door, port };
}

const loopback = async () => ({ gateway: '127.0.0.1', subnet: '127.0.0.0/8' });

describe('the guest door', () => {
  test('answers at the gateway of the VM network and knows whose address is a guest’s', async () => {
    const { door, port } = await open(loopback);
    await until('it is open', async () => door.health().status === 'OK');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('guest');
    expect(door.isGuest('127.0.0.5')).toBe(true);
    expect(door.isGuest('::ffff:127.0.0.5')).toBe(true);
    expect(door.isGuest('127.0.0.1')).toBe(false);
    expect(door.isGuest('10.0.0.1')).toBe(false);
  });

  test('says why it is closed, and what to do', async () => {
    const elsewhere = await open(async () => ({ gateway: '203.0.113.1', subnet: '203.0.113.0/24' }));
    await until('it has tried', async () => elsewhere.door.health().message.includes('host networking'));
    expect(elsewhere.door.health().status).toBe('DEGRADED');
  });

  test('one guest that opens connections without end leaves the others theirs', async () => {
    const { door, port } = await open(loopback);
    await until('it is open', async () => door.health().status === 'OK');
    let closed = 0;
    for (let n = 0; n < 70; n++) {
      const socket = createConnection({ host: '127.0.0.1', port, localAddress: '127.0.0.7' });
      socket.on('error', () => {});
      socket.on('close', () => closed++);
      sockets.push(socket);
    }
    await until('those above the limit are cut off', async () => closed === 6);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('guest');
  });
});
