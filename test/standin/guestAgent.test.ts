import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildStandIns, QEMU_TAG } from './buildStandIns.js';
import { Sandbox, waitFor } from './support/sandbox.js';

const channel = [
  '-chardev socket,path=/storage/qga.sock,server=on,wait=off,id=qga0',
  '-device virtio-serial-pci',
  '-device virtserialport,chardev=qga0,name=org.qemu.guest_agent.0',
].join(' ');

const sandbox = new Sandbox();

beforeAll(async () => {
  await buildStandIns();
}, 300_000);

afterAll(() => sandbox.clear(), 60_000);

/** One question to QEMU's guest agent; undefined: nobody answered within 2 s. */
function askAgent(path: string, execute: string, args: object = {}): Promise<Record<string, unknown> | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    const end = (answer?: Record<string, unknown>) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => end());
    socket.once('error', () => end());
    socket.once('connect', () => socket.write(`${JSON.stringify({ execute, arguments: args })}\n`));
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) end((JSON.parse(text) as { return: Record<string, unknown> }).return);
    });
  });
}

test("QEMU's guest agent runs programs in the tiny guest", async () => {
  const storage = sandbox.makeFolder('storage');
  await sandbox.start({ image: QEMU_TAG, storage, env: { ARGUMENTS: channel } });
  const path = join(storage, 'qga.sock');
  await waitFor('the guest agent', 120_000, () => askAgent(path, 'guest-ping'));
  const order = { path: '/bin/sh', arg: ['-c', 'echo $((6 * 7)); exit 3'], 'capture-output': true };
  const pid = (await askAgent(path, 'guest-exec', order))?.pid;
  const status = await waitFor('the end of the program', 20_000, async () => {
    const answer = await askAgent(path, 'guest-exec-status', { pid });
    return answer?.exited ? answer : undefined;
  });
  expect(status).toMatchObject({ exitcode: 3, 'out-data': Buffer.from('42\n').toString('base64') });
}, 180_000);
