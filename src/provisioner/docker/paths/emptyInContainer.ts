import type { Parts } from '../parts.js';

const LIMIT_MS = 10 * 60_000;

/** Empties a folder as root, in a throw-away container of the guest image: for servers that do not run as root themselves. */
export async function emptyInContainer(
  { tools, hostPaths, settings }: Pick<Parts, 'tools' | 'hostPaths' | 'settings'>,
  folder: string,
): Promise<void> {
  await hostPaths.prove(settings.image);
  const { code, stderr } = await tools.run({
    image: settings.image,
    // Neither find nor rm follows links.
    command: ['find', '/vapiorc-trash', '-mindepth', '1', '-maxdepth', '1', '-exec', 'rm', '-rf', '{}', '+'],
    mounts: [{ target: '/vapiorc-trash', source: await hostPaths.toHost(folder), readOnly: false }],
    limitMs: LIMIT_MS,
  });
  if (code !== 0) throw new Error(`what a container left in ${folder} could not be removed: ${stderr.slice(0, 300)}`);
}
