import { BlockList, isIP } from 'node:net';

/** Addresses and ranges of them, of both families: "10.0.0.7", "172.20.0.0/16", "fe80::/10". */
export class Addresses {
  readonly #list = new BlockList();

  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      const family = familyOf(address);
      this.#list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
    }
  }

  /** An IPv4 address that is written as an IPv6 one ("::ffff:10.0.0.7") is the IPv4 address. */
  has(address: string): boolean {
    return this.#list.check(address, familyOf(address));
  }
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
