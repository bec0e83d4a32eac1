import { createConnection, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { GuestWays } from '../../src/domain/guestWays.js';
import { LIMITS } from '../../src/domain/limits.js';
import { GuestDoor } from '../../src/guest/guestDoor.js';
import { createLog } from '../../src/log.js';
import { until } from '../support/until.js';
import { freePort } from '../system/support/ports.js';

let door: GuestDoor | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await door?.stop();
});

async function open(ways: () => Promise<GuestWays>) {
  const port = await freePort();
  door = new GuestDoor({ handle: (_req, res) => void res.end('guest'), port, ways, log: createLog('silent') });
  door.start();
  return { door, port };
}

const NAT = "the VM network's gateway";
const elsewhere = 'run it there';
const waysOf = (address: string, subnet: string): GuestWays => ({
  doors: [{ whose: NAT, which: '', elsewhere, address }],
  guests: [subnet],
  hosts: [address],
});
const loopback = waysOf('127.0.0.1', '127.0.0.0/8');
const away = waysOf('203.0.113.1', '203.0.113.0/24');
const userMode = (address: string | undefined) => ({
  whose: "the gateway of Docker's default network",
  which: 'in user-mode networking',
  elsewhere,
  address,
  ...(address === undefined && { problem: 'no bridge. Make one' }),
});
const both = (ways: GuestWays, user: string | undefined) => at({ ...ways, doors: [...ways.doors, userMode(user)] });
const at = (ways: GuestWays) => async () => ways;

describe('the guest door', () => {
  test('answers at the gateway of the VM network and knows whose address is a guest’s', async () => {
    const { door, port } = await open(at(loopback));
    await until('it is open', async () => door.health().status === 'OK');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('guest');
    expect(door.whoIs('127.0.0.5')).toBe('guest');
    expect(door.whoIs('::ffff:127.0.0.5')).toBe('guest');
    expect(door.whoIs('127.0.0.1')).toBe('caller');
    expect(door.whoIs('10.0.0.1')).toBe('caller');
  });

  test('a guest of another deployment is a guest, the host in its network is not', async () => {
    const guests = [...loopback.guests, '203.0.113.0/24', 'fd00:30::/64'];
    const hosts = [...loopback.hosts, '203.0.113.1', 'fd00:30::1'];
    const { door } = await open(at({ ...loopback, guests, hosts }));
    await until('it is open', async () => door.health().status === 'OK');
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '127.0.0.5', 'fd00:30::5', 'FD00:30:0:0::7'])
      expect(door.whoIs(address)).toBe('guest');
    for (const address of ['203.0.113.1', '10.0.0.1', '127.0.0.1', 'fd00:30:0::1', 'fe80::5%eth0'])
      expect(door.whoIs(address)).toBe('caller');
  });

  test('answers at the gateway of Docker’s default network, too', async () => {
    const { door, port } = await open(both(loopback, '127.0.0.2'));
    await until('both are open', async () => door.health().message.includes(`127.0.0.2:${port}`));
    expect(await (await fetch(`http://127.0.0.2:${port}/`)).text()).toBe('guest');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('guest');
    expect(door.health()).toEqual({
      status: 'OK',
      message: `guests call in at 127.0.0.1:${port}; guests in user-mode networking call in at 127.0.0.2:${port}`,
    });
  });

  test('without that network, NAT guests call in, and who can not is said', async () => {
    const { door, port } = await open(both(loopback, undefined));
    await until('it is open', async () => door.health().status === 'OK');
    expect(door.health().message).toBe(
      `guests call in at 127.0.0.1:${port}; those in user-mode networking cannot: no bridge. Make one`,
    );
  });

  test('where all guests are in user mode, that network is a must, with what to do', async () => {
    const { door } = await open(
      at({ ...loopback, doors: [userMode(undefined), { whose: NAT, elsewhere, address: '127.0.0.1' }] }),
    );
    await until('it has tried', async () => door.health().message.includes('no bridge'));
    expect(door.health()).toEqual({
      status: 'DEGRADED',
      message: 'guests cannot call in: no bridge. Make one',
    });
  });

  test('and it is enough: the address of the VM network may be closed', async () => {
    const { door, port } = await open(
      at({ ...away, doors: [userMode('127.0.0.1'), { whose: NAT, elsewhere, address: '203.0.113.1' }] }),
    );
    await until('it is open', async () => door.health().status === 'OK');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('guest');
    expect(door.whoIs('203.0.113.7')).toBe('guest');
  });

  test('says why it is closed, and what to do', async () => {
    const { door } = await open(at(away));
    await until('it has tried', async () =>
      door.health().message.includes('is not an address of this machine: run it there'),
    );
    expect(door.health().status).toBe('DEGRADED');
  });

  test('an engine that is away is the reason as long as nothing is open', async () => {
    const { door } = await open(async () => {
      throw new Error('the engine does not answer');
    });
    await until('it has tried', async () => door.health().message.includes('the engine does not answer'));
    for (const address of ['127.0.0.5', '::ffff:127.0.0.1', '::1']) expect(door.whoIs(address)).toBe('caller');
    for (const address of ['172.20.0.7', '::ffff:172.20.0.7', 'fd00::7']) expect(door.whoIs(address)).toBe('unknown');
  });

  test('one guest that opens connections without end leaves the others theirs', async () => {
    const { door, port } = await open(both(loopback, '127.0.0.2'));
    await until('both are open', async () => door.health().message.includes('127.0.0.2'));
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      let closed = 0;
      for (let n = 0; n < 70; n++) {
        const socket = createConnection({ host, port, localAddress: '127.0.0.7' });
        socket.on('error', () => {});
        socket.on('close', () => closed++);
        sockets.push(socket);
      }
      await until('those above the limit are cut off', async () => closed === 70 - LIMITS.connectionsPerGuest.value);
      expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('guest');
    }
  });
});
