import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { buildGuestMedium } from './buildGuestMedium.js';
import { RootFolder } from './rootFolder.js';

const firmwareFiles = ['bios-256k.bin', 'vgabios-stdvga.bin', 'kvmvapic.bin', 'linuxboot_dma.bin'];
const modules = /^(accel-tcg-x86_64|hw-display-.*vga.*)\.so$/;

/** Adds QEMU, its network and the tiny guest's medium. Returns the version of QEMU. */
export async function addMachine(root: RootFolder, kernelVersion: string, work: string): Promise<string> {
  const libraries = 'usr/lib/x86_64-linux-gnu';
  await root.add('/usr/bin/qemu-system-x86_64');
  for (const name of readdirSync(join(root.source, libraries, 'qemu'))) {
    if (modules.test(name)) await root.add(`/${libraries}/qemu/${name}`);
  }
  for (const name of firmwareFiles) {
    const folder = ['usr/share/seabios', 'usr/share/qemu'].find((path) =>
      readdirSync(join(root.source, path)).includes(name),
    );
    if (folder) root.copy(join(root.source, folder, name), `/usr/share/qemu/${name}`);
  }
  cpSync(join(root.source, 'usr/share/qemu/keymaps'), join(root.folder, 'usr/share/qemu/keymaps'), { recursive: true });

  await root.add('/usr/bin/ip', '/usr/sbin/ip');
  await root.add('/usr/sbin/dnsmasq');
  for (const kind of ['nft', 'legacy']) {
    await root.add(`/usr/sbin/xtables-${kind}-multi`);
    symlinkSync(`xtables-${kind}-multi`, join(root.folder, `usr/sbin/iptables-${kind}`));
  }
  cpSync(join(root.source, libraries, 'xtables'), join(root.folder, libraries, 'xtables'), {
    recursive: true,
    dereference: true,
  });

  await root.add('/usr/sbin/smbd');
  await root.add(`/${libraries}/samba/vfs/widelinks.so`);

  mkdirSync(join(root.folder, 'usr/share/standin'), { recursive: true });
  const guestPrograms = new RootFolder(join(work, 'guest-programs'), root.source);
  await guestPrograms.add('/usr/sbin/qemu-ga');
  const parts = { source: root.source, kernelVersion, programs: guestPrograms.folder, work };
  buildGuestMedium(parts, join(root.folder, 'usr/share/standin/medium.img'));
  const version = execFileSync(join(root.source, 'usr/bin/qemu-img'), ['--version'], { encoding: 'utf8' });
  return /version ([\d.]+)/.exec(version)?.[1] ?? 'unknown';
}
