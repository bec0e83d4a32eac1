import { execFile } from 'node:child_process';
import { access, cp, mkdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What the program reads beside its own code. */
const BESIDE = ['package.json', 'node_modules', 'prisma'];

/** Compiles the sources as they are now into `folder`, so that what runs is what is measured. Answers the path of main.js. */
export async function buildProgram(root: string, folder: string): Promise<string> {
  const home = join(folder, 'program');
  await mkdir(home);
  for (const name of BESIDE) await symlink(join(root, name), join(home, name));
  // It goes into guests as it is, and a link would not.
  await cp(join(root, 'oem'), join(home, 'oem'), { recursive: true });
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript-compiler/package.json')), 'bin/tsc');
  const said = await new Promise<string>((resolve) => {
    const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(home, 'dist'), '--sourceMap', 'false'];
    execFile(process.execPath, args, { cwd: root }, (_err, stdout, stderr) => resolve(stdout + stderr));
  });
  const main = join(home, 'dist/main.js');
  await access(main).catch((cause) => {
    throw new Error(`the program was not built; run "npm run build" first?\n${said.slice(0, 2000)}`, { cause });
  });
  return main;
}
