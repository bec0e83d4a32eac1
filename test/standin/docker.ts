import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs the docker client and returns what it printed. */
export async function docker(...args: string[]): Promise<string> {
  try {
    return (await run('docker', args, { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
  } catch (err) {
    const { stderr, code } = err as { stderr?: string; code?: unknown };
    if (code === 'ENOENT')
      throw new Error('the stand-in images need the docker client; install docker.io', { cause: err });
    throw new Error(`docker ${args[0]} failed: ${stderr?.trim()}`, { cause: err });
  }
}

export async function hasImage(tag: string): Promise<boolean> {
  try {
    await docker('image', 'inspect', '--format', '{{.Id}}', tag);
    return true;
  } catch (err) {
    if (/No such image/i.test(String(err))) return false;
    throw err;
  }
}

/** Makes an image of a folder without any registry. */
export function importFolder(folder: string, tag: string, changes: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = changes.flatMap((change) => ['-c', change]);
    const tar = spawn('tar', ['-C', folder, '--numeric-owner', '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const load = spawn('docker', ['import', ...options, '-', tag], { stdio: [tar.stdout, 'ignore', 'inherit'] });
    load.once('error', reject);
    load.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`docker import of ${tag} failed (${code})`)),
    );
  });
}
