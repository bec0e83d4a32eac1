import { execFile } from 'node:child_process';

export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real qemu-img, so that formats, backing files and locks are judged by QEMU itself. */
export function qemuImg(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile('qemu-img', args, { maxBuffer: 64 * 1024 * 1024 }, (err, stdout, stderr) =>
      resolve({ ok: !err, stdout, stderr: stderr.trim() }),
    );
  });
}
