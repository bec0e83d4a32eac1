import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, readText } from './files.js';
import { OWN, packageVersion } from './postgresBinaries.js';
import { type Account, run } from './runCommand.js';

/** Before anything is touched. */
export async function refuseForeignData(dir: string, packaged: string): Promise<void> {
  const data = join(dir, 'data');
  const found = (await readText(join(data, 'PG_VERSION'))).trim();
  if (found === '') return;
  const major = (await packageVersion(packaged)).split('.')[0];
  if (found !== major) {
    throw new Error(
      `${data} holds a database of Postgres ${found}, the bundled one is Postgres ${major}. Nothing was changed. ` +
        `Bring it over with pg_dump and pg_restore or pg_upgrade, go back to the vapiorc that wrote it, or ${OWN}`,
    );
  }
  if (!(await exists(join(dir, 'password')))) {
    throw new Error(`${dir}/password is missing, without which ${data} can't be opened: restore it from a backup`);
  }
}

/** The owner of the data; for a new folder ourselves, or the first unprivileged user there is when we are root. */
export async function chooseAccount(data: string): Promise<Account> {
  const owner = await fs.stat(data).catch(() => undefined);
  const me = process.getuid?.();
  if (me !== 0) {
    if (owner && owner.uid !== me) {
      throw new Error(
        `${data} belongs to user id ${owner.uid}, but vapiorc runs as user id ${me}: start it as that user or as root`,
      );
    }
    return {};
  }
  if (owner?.uid === 0) {
    throw new Error(
      `${data} belongs to root, as whom Postgres refuses to run: give it and the file password beside it to the user postgres or nobody (chown -R)`,
    );
  }
  if (owner) return { uid: owner.uid, gid: owner.gid };
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    const account = { uid: Number(uid.output), gid: Number(gid.output) };
    if (uid.code === 0 && gid.code === 0 && (await canEnter('/', account))) return account;
  }
  throw new Error(
    `Postgres refuses to run as root, and vapiorc can't become user postgres or nobody: start it as a normal user, or ${OWN}`,
  );
}

/**
 * The real folder of the cluster. Root's repository is often closed to everybody else (/root has mode 700), and then the
 * cluster lives below `fallbackRoot`, with `dir` a link to it.
 */
export async function placeHome(dir: string, account: Account, fallbackRoot: string): Promise<string> {
  await fs.mkdir(dirname(dir), { recursive: true });
  if (!(await exists(dir))) {
    await letThrough(dirname(dir), account);
    if (await canEnter(dirname(dir), account)) {
      // Not recursive: on a read-only disk Node would call that ENOENT.
      await fs.mkdir(dir).catch((err: NodeJS.ErrnoException) => {
        if (err.code !== 'EEXIST') throw err;
      });
      if ('uid' in account) await fs.chmod(dir, 0o755); // whatever our umask is
    } else {
      if (await fs.mkdir(fallbackRoot, { recursive: true })) await fs.chmod(fallbackRoot, 0o755);
      const elsewhere = await fs.mkdtemp(join(fallbackRoot, 'postgres-'));
      await fs.chmod(elsewhere, 0o755);
      try {
        await fs.symlink(elsewhere, dir);
      } catch (err) {
        await fs.rmdir(elsewhere);
        if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err; // another server was faster: its link counts
      }
    }
  }
  const home = await fs.realpath(dir).catch(async (cause) => {
    throw new Error(
      `${dir} is a link to ${await fs.readlink(dir)}, which is gone: restore it, or remove the link to begin with an empty database`,
      { cause },
    );
  });
  if (await canEnter(home, account)) return home;
  throw new Error(
    `user id ${account.uid}, as whom Postgres runs, can't enter ${home}: allow it (chmod o+x on each folder above), ` +
      `or move ${home} to ${join(fallbackRoot, 'postgres')} and leave a symbolic link, or ${OWN}`,
  );
}

/** Lets Postgres pass through the storage folder where nothing but that folder's own mode keeps it out. Nobody can list it by that. */
async function letThrough(folder: string, account: Account): Promise<void> {
  if (!('uid' in account) || (await canEnter(folder, account))) return;
  const { mode } = await fs.stat(folder);
  await fs.chmod(folder, mode | 0o011).catch(() => undefined);
  if (!(await canEnter(folder, account))) await fs.chmod(folder, mode).catch(() => undefined);
}

/** Asks the kernel, which knows of access lists too. */
async function canEnter(folder: string, account: Account): Promise<boolean> {
  const tried = await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { account }).catch(() => undefined); // not even as that user
  return tried?.code === 0;
}
