import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import type { Plan } from '../plan.js';

export interface ShareServer {
  close(): void;
}

const folders = ['/run/samba', '/var/lib/samba/private', '/var/cache/samba', '/var/log/samba'];
const configuration = '/run/samba/smb.conf';

/** Samba, on the guest's side only and with the real image's settings. */
export function serveShare({ network, settings, share }: Plan): ShareServer | undefined {
  if (!share || network.mode === 'none') return undefined;
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const readOnly = settings.isOn('SAMBA_READONLY', false) || !isWritable(share);
  writeFileSync(configuration, describe(share, readOnly, network.mode === 'nat' ? `${network.guestGateway}/24` : 'lo'));
  const options = ['--foreground', '--no-process-group', `--configfile=${configuration}`, '--debuglevel=0'];
  const child = spawn('smbd', options, { stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('error', (err) => process.stderr.write(`smbd: ${err.message}\n`));
  return { close: () => void child.kill() };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function describe(share: string, readOnly: boolean, side: string): string {
  return `[global]
server role = standalone server
server min protocol = NT1
map to guest = Bad User
guest account = nobody
interfaces = ${side}
bind interfaces only = yes
smb ports = 445
disable netbios = yes
load printers = no
printcap name = /dev/null
disable spoolss = yes
unix extensions = no
allow insecure wide links = yes
# The host writes into the same folder: the guest may not keep anything to itself.
oplocks = no
kernel oplocks = no
smb2 leases = no
[Data]
path = ${share}
read only = ${readOnly ? 'yes' : 'no'}
guest ok = yes
guest only = yes
force user = root
force group = root
create mask = 0666
force create mode = 0666
directory mask = 2777
force directory mode = 2777
inherit owner = unix only
follow symlinks = yes
wide links = yes
`;
}
