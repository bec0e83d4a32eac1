import { createHash } from 'node:crypto';
import { accessSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { Failure } from './failure.js';
import { log } from './log.js';
import type { Settings } from './settings.js';
import type { Storage } from './storage.js';

const capMknod = 27;
const capNetAdmin = 12;

export interface Network {
  readonly mode: 'nat' | 'user' | 'none';
  /** The container's own IPv4. */
  readonly hostIp: string;
  readonly interfaceName: string;
  /** The container's default gateway: the Docker host; empty on an internal network. */
  readonly gateway: string;
  readonly guestIp: string;
  /** The guest's gateway: `host.lan`. */
  readonly guestGateway: string;
  readonly mac: string;
  readonly userPorts: readonly number[];
  readonly webPort: number;
}

/** Judges NETWORK, MAC and the container's privileges as the real image does. */
export function planNetwork(settings: Settings, storage: Storage): Network {
  const wanted = settings.text('NETWORK', 'nat').toLowerCase();
  const { address, name } = uplink();
  const gateway = defaultGateway();
  const shared = {
    hostIp: address,
    interfaceName: name,
    gateway,
    mac: macAddress(settings, storage),
    userPorts: settings
      .list('USER_PORTS')
      .map((port) => Number.parseInt(port, 10))
      .filter(Boolean),
    webPort: settings.number('WEB_PORT', 8006),
  };
  if (existsSync('/sys/class/net/docker0'))
    throw new Failure(29, 'This container does not support host mode networking!');

  const third = address.split('.')[2] ?? '0';
  const guestIp = settings.text('IP') || settings.text('VM_NET_IP') || `172.30.${third}.2`;
  const nat = { ...shared, mode: 'nat', guestIp, guestGateway: sameNet(guestIp, 1) } as const;
  const user = { ...shared, mode: 'user', guestIp: address, guestGateway: sameNet(address, 1) } as const;

  if (/^(n|no|none|false|0|off|disable|disabled)$/.test(wanted)) {
    return { ...shared, mode: 'none', guestIp: '', guestGateway: '' };
  }
  if (/^(user|passt|slirp)/.test(wanted)) return user;
  if (!/^(nat|tap|tun|tuntap|y|yes|true|1|on|enable|enabled)$/.test(wanted)) {
    throw new Failure(24, `Unrecognized NETWORK value: "${wanted}"`);
  }
  if (canDoNat()) return nat;
  log.warn('failed to setup NAT networking, falling back to user-mode networking!');
  return user;
}

export function sameNet(ip: string, last: number): string {
  return ip.replace(/\d+$/, String(last));
}

export function announceNetwork(network: Network): void {
  log.info(`Host: ${network.hostIp}/16 (${hostname()})`);
  const mode = { nat: 'NAT', user: 'User (slirp)', none: '(none)' }[network.mode];
  log.info(`Guest: ${network.guestIp || '(none)'} (Windows)  |  Mode: ${mode}  |  MAC: ${network.mac}`);
  if (network.mode === 'user') {
    const ports = [3389, ...network.userPorts].join(', ');
    log.info(`Notice: because user-mode networking is active, only these ports are forwarded: ${ports}.`);
  }
}

function uplink(): { name: string; address: string } {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const found = addresses?.find((address) => address.family === 'IPv4' && !address.internal);
    if (found) return { name, address: found.address };
  }
  return { name: 'eth0', address: '127.0.0.1' };
}

export function defaultGateway(): string {
  for (const row of readFileSync('/proc/net/route', 'utf8').split('\n')) {
    const [, destination, gateway] = row.split('\t');
    if (destination !== '00000000' || !gateway || gateway === '00000000') continue;
    return (gateway.match(/../g) ?? [])
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  }
  return '';
}

function macAddress(settings: Settings, storage: Storage): string {
  const given = settings.text('MAC');
  if (given) {
    const digits = given.replace(/[:-]/g, '').toUpperCase();
    if (![12, 17].includes(given.length) || !/^[0-9A-F]{12}$/.test(digits)) {
      throw new Failure(28, `Invalid MAC address: '${given}', should be 12 or 17 digits long!`);
    }
    return (digits.match(/../g) ?? []).join(':');
  }
  const saved = storage.read('windows.mac');
  if (saved) return saved;
  const digest = createHash('md5').update(`${hostname()}\n`).digest('hex').slice(0, 10);
  const made = ['02', ...(digest.match(/../g) ?? [])].join(':').toUpperCase();
  storage.write('windows.mac', `${made}\n`);
  return made;
}

function canDoNat(): boolean {
  const effective = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const has = (capability: number) => ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n;
  return has(capNetAdmin) && (existsSync('/dev/net/tun') || has(capMknod)) && canForward();
}

function canForward(): boolean {
  const path = '/proc/sys/net/ipv4/ip_forward';
  if (readFileSync(path, 'utf8').trim() === '1') return true;
  try {
    accessSync(path, 2);
    writeFileSync(path, '1');
    return true;
  } catch {
    return false;
  }
}
