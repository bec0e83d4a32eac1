import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const folder = '/run/shm';

/** The small files under /run/shm from which tools learn about the running machine. */
export const runtimeFile = {
  path: (name: string): string => `${folder}/${name}`,
  write: (name: string, text: string): void => writeFileSync(`${folder}/${name}`, text),
  remove: (name: string): void => rmSync(`${folder}/${name}`, { force: true }),
  read(name: string): string | undefined {
    try {
      return readFileSync(`${folder}/${name}`, 'utf8');
    } catch {
      return undefined;
    }
  },
  /** What an earlier run of this container left behind. */
  removeStale(): void {
    for (const name of readdirSync(folder)) {
      if (/^qemu\.|\.(pid|sock|pipe)$/.test(name)) rmSync(`${folder}/${name}`, { force: true });
    }
    rmSync(`${folder}/msg.html`, { force: true });
  },
};
