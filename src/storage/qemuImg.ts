import { execFile } from 'node:child_process';

export interface ToolResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `qemu-img` with `folder` as its working directory, which it may change only with access 'rw'. */
export type QemuImg = (args: string[], folder: string, access: 'ro' | 'rw') => Promise<ToolResult>;

/** Checking a disk of hundreds of GiB takes minutes; nothing takes this long. */
const LIMIT_MS = 30 * 60_000;

/** This machine's `qemu-img`, or `elsewhere` where there is none. */
export function hostQemuImg(elsewhere: QemuImg): QemuImg {
  return (args, folder, access) =>
    new Promise((resolve, reject) => {
      execFile('qemu-img', args, { cwd: folder, timeout: LIMIT_MS, maxBuffer: 16 << 20 }, (fault, stdout, stderr) => {
        if (fault === null) resolve({ code: 0, stdout, stderr });
        else if (typeof fault.code === 'number') resolve({ code: fault.code, stdout, stderr });
        else if (fault.code === 'ENOENT') resolve(elsewhere(args, folder, access));
        else reject(new Error(`qemu-img ${args[0]} did not end by itself`, { cause: fault }));
      });
    });
}
