import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const sectorBytes = 512;
const partitionStart = 2048;
const imageBytes = 40 * 1024 * 1024;
/** Where the guest notes its running commands: behind the values at 64 MiB, as a partition so that a shell can write there. */
const notesStart = (64 * 1024 * 1024 + 16 * 1024) / sectorBytes;
const notesSectors = 8;
/** Free sector before the partition, that tells the guest where the word to patch is. */
const noteSector = 2046;

// Debian's small cloud kernel has all of these as modules.
const wantedModules = [
  'virtio_pci',
  'virtio_scsi',
  'sd_mod',
  'virtio_net',
  'virtio_input',
  'virtio_console',
  'qemu_fw_cfg',
  'button',
  'evdev',
  'cifs',
  'nls_utf8',
];

const loader = `SERIAL 0 115200
DEFAULT guest
PROMPT 0
LABEL guest
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=ttyS0 quiet loglevel=3 panic=1 mitigations=off tsc=reliable no_timer_check cryptomgr.notests nokaslr standin.from=dvd
`;

interface Parts {
  /** The unpacked Debian packages. */
  readonly source: string;
  readonly kernelVersion: string;
  /** Programs with their libraries, in the folder `usr`. */
  readonly programs: string;
  readonly work: string;
}

/** A bootable disk of kernel and initrd: the "ISO" that the tiny guest is installed from, by copying itself. */
export function buildGuestMedium(parts: Parts, target: string): void {
  const { source, kernelVersion, work } = parts;
  const initrd = buildInitrd(parts, join(work, 'initrd'));
  writeFileSync(join(work, 'initrd.gz'), initrd);
  writeFileSync(join(work, 'syslinux.cfg'), loader);
  writeFileSync(target, masterBootRecord(readFileSync(join(source, 'usr/lib/syslinux/mbr/mbr.bin'))));
  truncateSync(target, imageBytes);

  // mtools and syslinux write into the image as a plain file: neither a loop device nor a mount is needed.
  const env = { ...process.env, PATH: `${join(source, 'usr/bin')}:${process.env.PATH}`, MTOOLS_SKIP_CHECK: '1' };
  const partition = `${target}@@${partitionStart * sectorBytes}`;
  const run = (program: string, ...args: string[]) =>
    execFileSync(join(source, 'usr/bin', program), args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const sectors = String(imageBytes / sectorBytes - partitionStart);
  // Large clusters: the loader reads one at a time, and with small ones that is half of the time to boot.
  const geometry = ['-T', sectors, '-h', '16', '-s', '63', '-H', String(partitionStart), '-c', '64'];
  run('mformat', '-i', partition, ...geometry, '::');
  run('mcopy', '-i', partition, join(source, 'boot', `vmlinuz-${kernelVersion}`), '::vmlinuz');
  run('mcopy', '-i', partition, join(work, 'initrd.gz'), '::initrd');
  run('mcopy', '-i', partition, join(work, 'syslinux.cfg'), '::syslinux.cfg');
  run('syslinux', '--install', '--offset', String(partitionStart * sectorBytes), target);
  notePatchPlace(target);
}

function masterBootRecord(code: Buffer): Buffer {
  const record = Buffer.alloc(sectorBytes);
  code.copy(record, 0, 0, 440);
  record[446] = 0x80; // active
  record[450] = 0x0e; // FAT by LBA
  record.writeUInt32LE(partitionStart, 454);
  record.writeUInt32LE(imageBytes / sectorBytes - partitionStart, 458);
  record[466] = 0xda; // no file system
  record.writeUInt32LE(notesStart, 470);
  record.writeUInt32LE(notesSectors, 474);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

function notePatchPlace(image: string): void {
  const content = readFileSync(image);
  const words = 'standin.from=';
  const at = content.indexOf(`${words}dvd`);
  if (at < 0) throw new Error(`"${words}" is not in the guest's medium`);
  const fd = openSync(image, 'r+');
  writeSync(fd, `${at + words.length}\n`, noteSector * sectorBytes);
  closeSync(fd);
}

function buildInitrd({ source, kernelVersion, programs }: Parts, folder: string): Buffer {
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'tmp', 'etc', 'share'])
    mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(join(source, 'bin/busybox'), join(folder, 'bin/busybox'));
  const applets = execFileSync(join(source, 'bin/busybox'), ['--list'], { encoding: 'utf8' }).trim().split('\n');
  writeFileSync(join(folder, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet));
  symlinkSync('/share', join(folder, 'z'));
  cpSync(join(programs, 'usr'), join(folder, 'usr'), { recursive: true });
  symlinkSync('usr/lib64', join(folder, 'lib64'));
  const scripts = fileURLToPath(new URL('guest/', import.meta.url));
  for (const name of readdirSync(scripts)) {
    const to = join(folder, name === 'init' ? 'init' : `bin/${name}`);
    cpSync(join(scripts, name), to);
    chmodSync(to, 0o755);
  }
  const order = modulesInOrder(join(source, 'lib/modules', kernelVersion));
  for (const path of order) copyFileSync(path, join(folder, 'modules', basename(path)));
  writeFileSync(join(folder, 'modules/order'), order.map((path) => `${basename(path)}\n`).join(''));
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).join('\n');
  const cpio = [join(source, 'bin/busybox'), 'cpio', '-o', '-H', 'newc'];
  const archive = execFileSync(cpio[0] ?? '', cpio.slice(1), {
    cwd: folder,
    input: `.\n${names}\n`,
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return gzipSync(archive, { level: 9 });
}

/** The wanted modules, each after what it depends on. */
function modulesInOrder(folder: string): string[] {
  const files = new Map<string, string>();
  for (const path of readdirSync(join(folder, 'kernel'), { recursive: true, encoding: 'utf8' })) {
    if (path.endsWith('.ko')) files.set(moduleName(path), join(folder, 'kernel', path));
  }
  const order: string[] = [];
  const visit = (name: string): void => {
    const path = files.get(name);
    if (!path) throw new Error(`the kernel has no module ${name}`);
    if (order.includes(path)) return;
    const info = readFileSync(path).toString('latin1');
    const depends = /\0depends=([^\0]*)\0/.exec(info)?.[1] ?? '';
    for (const other of depends.split(',').filter(Boolean)) visit(other.replaceAll('-', '_'));
    order.push(path);
  };
  for (const name of wantedModules) visit(name);
  return order;
}

function moduleName(path: string): string {
  return basename(path, '.ko').replaceAll('-', '_');
}
