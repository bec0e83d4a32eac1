import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { Failure } from '../failure.js';
import { type Network, sameNet } from '../network.js';
import type { Settings } from '../settings.js';

const run = promisify(execFile);

export interface GuestNetwork {
  /** QEMU's -netdev, or undefined for a guest without network. */
  readonly netdev: string | undefined;
  close(): void;
}

/** Wires the guest to the container: a bridge with NAT, or QEMU's own user network. */
export async function connectGuest(network: Network, settings: Settings): Promise<GuestNetwork> {
  if (network.mode === 'none') return { netdev: undefined, close: () => {} };
  if (network.mode === 'user') return { netdev: userNetdev(network), close: () => {} };
  try {
    return await bridge(network, settings);
  } catch (err) {
    throw new Failure(24, `Failed to setup NAT networking: ${err instanceof Error ? err.message : String(err)}`);
  }
}

function userNetdev({ guestIp, guestGateway, userPorts }: Network): string {
  const nameServer = guestIp.endsWith('.3') ? sameNet(guestIp, 4) : sameNet(guestIp, 3);
  const net = `net=${sameNet(guestIp, 0)}/24,host=${guestGateway},dhcpstart=${guestIp},dns=${nameServer}`;
  const forwards = [3389, ...userPorts].map((port) => `hostfwd=tcp::${port}-:${port}`);
  return ['user,id=net0', net, ...forwards].join(',');
}

async function bridge(network: Network, settings: Settings): Promise<GuestNetwork> {
  const { guestIp, guestGateway, hostIp, interfaceName, gateway } = network;
  const hostName = sameNet(guestIp, 254);
  if (!existsSync('/dev/net/tun')) {
    mkdirSync('/dev/net', { recursive: true });
    await run('mknod', ['/dev/net/tun', 'c', '10', '200']);
  }
  const ip = (text: string) => run('ip', text.split(' '));
  // A container that is started again gets a new network namespace, so nothing is left over.
  await ip('link add docker type bridge forward_delay 0');
  await ip(`addr add ${guestGateway}/24 dev docker`);
  await ip(`addr add ${hostName}/24 dev docker`);
  await ip('link set docker up');
  await ip('tuntap add dev qemu mode tap');
  await ip('link set qemu master docker up');

  const iptables = await workingIptables();
  const nat = (text: string) =>
    run(iptables, ['-w', '-t', 'nat', ...text.split(' '), '-m', 'comment', '--comment', 'QEMU_DNAT']);
  await nat(`-A POSTROUTING -s ${sameNet(guestIp, 0)}/24 -o ${interfaceName} -j MASQUERADE`);
  if (gateway) await nat(`-A PREROUTING -i docker -d ${hostName} -j DNAT --to-destination ${gateway}`);
  for (const port of keptPorts(settings))
    await nat(`-A PREROUTING -i ${interfaceName} -p tcp --dport ${port} -j RETURN`);
  await nat(`-A PREROUTING -i ${interfaceName} -d ${hostIp} -j DNAT --to-destination ${guestIp}`);
  for (const port of keptPorts(settings)) await nat(`-A OUTPUT -d ${hostIp} -p tcp --dport ${port} -j RETURN`);
  await nat(`-A OUTPUT -d ${hostIp} -j DNAT --to-destination ${guestIp}`);

  const names = spawn('dnsmasq', nameServerArguments(network, hostName), { stdio: ['ignore', 'ignore', 'inherit'] });
  return { netdev: 'tap,id=net0,ifname=qemu,script=no,downscript=no', close: () => void names.kill() };
}

/** TCP ports that stay the container's own. */
function keptPorts(settings: Settings): string[] {
  const kept = settings.list('HOST_PORTS');
  if (settings.isOn('WEB', true)) kept.push(settings.text('WEB_PORT', '8006'));
  if (/^(web|vnc)$/i.test(settings.text('DISPLAY', 'web'))) kept.push(settings.text('VNC_PORT', '5900'));
  if (settings.isOn('SAMBA', true)) kept.push('139', '445');
  return kept;
}

function nameServerArguments({ guestIp, guestGateway, mac, gateway }: Network, hostName: string): string[] {
  const args = ['--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--group=root', '--pid-file'];
  args.push('--interface=docker', '--bind-interfaces', '--no-hosts', '--cache-size=0', '--no-ping');
  args.push('--dhcp-authoritative', '--dhcp-leasefile=/run/dnsmasq.leases', `--dhcp-range=${guestIp},${guestIp}`);
  args.push(`--dhcp-host=${mac},${guestIp}`, `--dhcp-option=3,${guestGateway}`, `--dhcp-option=6,${guestGateway}`);
  args.push(`--address=/host.lan/${guestGateway}`, '--quiet-dhcp');
  if (gateway) args.push(`--address=/system.lan/${hostName}`);
  return args;
}

/** Some kernels only know one of the two kinds. */
async function workingIptables(): Promise<string> {
  const nft = await run('iptables-nft', ['-w', '-t', 'nat', '-S']).catch(() => undefined);
  return nft ? 'iptables-nft' : 'iptables-legacy';
}
