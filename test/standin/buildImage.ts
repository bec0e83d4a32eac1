import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { addMachine } from './addMachine.js';
import { unpackDebianPackages } from './debianPackages.js';
import { importFolder } from './docker.js';
import { RootFolder } from './rootFolder.js';

/** Marks the stand-ins and their variants. */
export const LABEL = 'vapiorc.standin';

export type Kind = 'stub' | 'qemu';

// As the real image declares it; no health check.
const contract = [
  'ENTRYPOINT ["/usr/bin/tini","-s","/run/entry.sh"]',
  'VOLUME /storage',
  'EXPOSE 3389 8006',
  'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'ENV VERSION=11',
  'ENV RAM_SIZE=4G',
  'ENV CPU_CORES=2',
  'ENV DISK_SIZE=64G',
];

// A stub is quick by default: half a minute of the contract is 1.5 s. The tiny guest boots in real time, and on a
// busy machine without KVM that can be longer than Windows with KVM gets.
const defaults: Record<Kind, Record<string, string>> = {
  stub: { STANDIN_SPEED: '20', STANDIN_INSTALL_MS: '500', STANDIN_SETUP_MS: '500' },
  qemu: { STANDIN_SPEED: '1', STANDIN_BOOT_LIMIT_MS: '120000', STANDIN_INSTALL_MS: '500' },
};

const entry = `#!/bin/sh
# The hook of the real image: sourced first, so a failing command in it ends the container.
set -e
cd /run
. /run/start.sh
exec /usr/bin/node /run/standin.mjs
`;

// What Windows has, for commands that the stub runs; the tiny guest has its own.
const shutdown = `#!/bin/sh
case " $* " in *' /r '*) word=system_reset ;; *) word=system_powerdown ;; esac
echo $word | nc -q1 -w1 -U /run/shm/monitor.sock >/dev/null
`;

export async function buildImage(kind: Kind, tag: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'standin-'));
  try {
    const { root: source, kernelVersion } = await unpackDebianPackages();
    const root = new RootFolder(join(work, 'root'), source);
    await addPrograms(root);
    await addSupervisor(root);
    if (kind === 'stub') addProgram(root, 'usr/bin/shutdown', shutdown);
    const version = kind === 'qemu' ? await addMachine(root, kernelVersion, work) : '11.1.0';
    const own = { STANDIN_KIND: kind, STANDIN_QEMU_VERSION: version, ...defaults[kind] };
    const env = Object.entries(own).map(([key, value]) => `ENV ${key}=${value}`);
    await importFolder(root.folder, tag, [...contract, ...env, `LABEL ${LABEL}=${kind}`]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function addPrograms(root: RootFolder): Promise<void> {
  for (const path of ['/usr/bin/qemu-img', '/usr/bin/qemu-io', '/usr/bin/tini', '/usr/bin/curl', '/usr/bin/jq']) {
    await root.add(path);
  }
  await root.add('/bin/nc.openbsd', '/usr/bin/nc');
  await root.add('/bin/busybox', '/usr/bin/busybox');
  // Not busybox's own shell, which would take its applets instead of the programs above.
  await root.add('/bin/dash', '/usr/bin/sh');
  await root.addNode();
  const applets = `[ ash awk basename cat chmod chown cmp cp cut date dd df dirname du echo env false find grep head hostname
    id kill killall ln ls md5sum mkdir mkfifo mknod mktemp mount mv nslookup od pgrep ping printf ps pwd readlink rm rmdir sed seq
    sha256sum sleep sort stat sync tail tar tee test timeout touch tr true truncate umount uname uniq wc wget which xargs yes`;
  for (const applet of applets.split(/\s+/)) symlinkSync('busybox', join(root.folder, 'usr/bin', applet));
}

async function addSupervisor(root: RootFolder): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('supervisor/main.ts', import.meta.url))],
    outfile: join(root.folder, 'run/standin.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  const scripts = {
    'entry.sh': entry,
    'start.sh': '#!/bin/sh\n',
    'check.sh': '#!/bin/sh\n[ ! -f /run/shm/qemu.end ]\n',
  };
  for (const [name, text] of Object.entries(scripts)) addProgram(root, `run/${name}`, text);
  // The share as commands know it: of this container in the stub, mounted in the tiny guest.
  symlinkSync('/shared', join(root.folder, 'share'));
  symlinkSync('/share', join(root.folder, 'z'));
  mkdirSync(join(root.folder, 'etc'), { recursive: true });
  writeFileSync(join(root.folder, 'etc/version'), '6.05\n');
  writeFileSync(
    join(root.folder, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  );
  writeFileSync(join(root.folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  writeFileSync(join(root.folder, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  if (!readdirSync(join(root.folder, 'run')).includes('standin.mjs')) throw new Error('esbuild wrote no supervisor');
}

function addProgram(root: RootFolder, path: string, text: string): void {
  writeFileSync(join(root.folder, path), text);
  chmodSync(join(root.folder, path), 0o755);
}
