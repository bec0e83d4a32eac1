import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const programs = [
  'busybox-static',
  'curl',
  'dash',
  'dnsmasq-base',
  'iproute2',
  'iptables',
  'jq',
  'libcups2',
  'libtasn1-6',
  'mtools',
  'netcat-openbsd',
  'qemu-guest-agent',
  'qemu-system-x86',
  'qemu-utils',
  'samba-libs',
  'syslinux',
  'syslinux-common',
  'tini',
];
/** Unpacked without what they depend on: of Samba only smbd is wanted, not the Python around it. */
const alone = ['samba', 'samba-vfs-modules'];

export const cacheFolder = process.env.VAPIORC_TEST_CACHE ?? join(homedir(), '.cache', 'vapiorc-standin');

/**
 * Unpacks the programs of the images with everything they depend on, and a small kernel, into the cache. Nothing is
 * installed: apt resolves against an empty system, so the result is the same whatever this machine has.
 */
export async function unpackDebianPackages(): Promise<{ root: string; kernelVersion: string }> {
  const root = join(
    cacheFolder,
    createHash('sha256')
      .update([...programs, ...alone].join(' '))
      .digest('hex')
      .slice(0, 12),
  );
  if (!existsSync(root)) await fill(root);
  const kernelVersion = readdirSync(join(root, 'boot'))
    .find((name) => name.startsWith('vmlinuz-'))
    ?.replace('vmlinuz-', '');
  if (!kernelVersion) throw new Error(`no kernel in ${root}; remove that folder and build again`);
  return { root, kernelVersion };
}

async function fill(root: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('building the stand-in images needs root');
  const work = `${root}.${process.pid}`;
  const archives = join(work, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  writeFileSync(join(work, 'status'), '');
  try {
    const apt = ['-o', `Dir::State::status=${work}/status`, '-o', `Dir::Cache::archives=${archives}`];
    const quiet = ['-qq', '-y', '--no-install-recommends', '-o', 'APT::Sandbox::User=root', '-o', 'Debug::NoLocking=1'];
    await command('apt-get', ['install', '--download-only', ...apt, ...quiet, ...programs]);
    const single = [await kernelPackage(), ...alone];
    await command('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...single], archives);
    const unpacked = join(work, 'root');
    for (const name of readdirSync(archives)) {
      if (name.endsWith('.deb')) await command('dpkg', ['-x', join(archives, name), unpacked]);
    }
    if (!existsSync(root)) renameSync(unpacked, root);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The meta package only names the package that holds the kernel of today. */
async function kernelPackage(): Promise<string> {
  const { stdout } = await command('apt-cache', ['depends', '--important', 'linux-image-cloud-amd64']);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (!name) throw new Error('apt knows no linux-image-cloud-amd64; run `apt-get update` first');
  return name;
}

async function command(program: string, args: string[], cwd?: string): Promise<{ stdout: string }> {
  try {
    return await run(program, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
  } catch (err) {
    const { stderr, message } = err as { stderr?: string; message: string };
    throw new Error(`${program} failed (is \`apt-get update\` done?): ${stderr?.trim() || message}`, { cause: err });
  }
}
