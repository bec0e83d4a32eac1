import { expect, test } from 'vitest';
import { Addresses } from '../../src/primitives/addresses.js';

test.each([
  ['172.20.0.0/16', ['172.20.0.1', '172.20.255.255', '::ffff:172.20.3.4'], ['172.21.0.1', '::1', 'x', '']],
  ['10.0.0.7', ['10.0.0.7'], ['10.0.0.8']],
  ['fe80::/10', ['fe80::1', 'febf::1'], ['fec0::1', '254.128.0.1']],
  ['fd00:ec2::254', ['fd00:ec2::254'], ['fd00:ec2::255']],
  ['0.0.0.0/0', ['203.0.113.9'], ['2001:db8::1']],
])('%s', (range, inside, outside) => {
  const addresses = new Addresses(['192.0.2.1', range]);
  for (const address of [...inside, '192.0.2.1']) expect([address, addresses.has(address)]).toEqual([address, true]);
  for (const address of outside) expect([address, addresses.has(address)]).toEqual([address, false]);
});
