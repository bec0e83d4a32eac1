import { Duplex, PassThrough } from 'node:stream';
import { Unavailable } from '../../domain/errors.js';
import type { Lead } from '../../domain/lead.js';
import type { QemuAgent } from '../../domain/qemuAgent.js';
import type { Engine } from '../docker/engine/engine.js';
import { QgaClient, QgaFault, QgaRefused } from './client.js';
import { runScript } from './runScript.js';

/** In the container; it belongs to root there, so it is reached through the engine. */
export const QGA_SOCKET = '/storage/qga.sock';

/** QEMU's side of the channel: what a container is given on its ARGUMENTS, without blanks in any value. */
export const QGA_ARGUMENTS = [
  `-chardev socket,path=${QGA_SOCKET},server=on,wait=off,id=qga0`,
  '-device virtio-serial-pci',
  '-device virtserialport,chardev=qga0,name=org.qemu.guest_agent.0',
].join(' ');

/** Connects to the QEMU guest agent of a machine that runs in this container. */
export async function openQemuAgent(engine: Engine, containerId: string, lead: Lead): Promise<QemuAgent | Unavailable> {
  return agentOn(await connectThrough(engine, containerId), lead);
}

/** The agent at the other end of a channel, if one listens there. */
export async function agentOn(channel: Duplex, lead: Lead): Promise<QemuAgent | Unavailable> {
  const client = new QgaClient(channel);
  try {
    await client.sync();
    const info = (await client.call('guest-get-osinfo')) as { id?: unknown } | null;
    const system = info?.id === 'mswindows' ? 'windows' : 'other';
    return {
      system,
      run: (script, limits) => runScript(client, lead, system, script, limits),
      close: () => client.close(),
    };
  } catch (fault) {
    client.close();
    if (!(fault instanceof QgaFault || fault instanceof QgaRefused)) throw fault;
    return new Unavailable(
      'guest',
      `the QEMU guest agent does not answer: ${fault.message}`,
      'Install qemu-ga in the golden image (its MSI in an OEM bundle), and wait until Windows is up.',
    );
  }
}

export function noMachine(): Unavailable {
  return new Unavailable('guest', 'the machine has no running container', 'Wait until it runs, then try again.');
}

/** QEMU takes one connection; `nc -N` hangs up when we do, which lets the next one in. */
async function connectThrough(engine: Engine, containerId: string): Promise<Duplex> {
  const container = engine.getContainer(containerId);
  const exec = await container.exec({
    Cmd: ['nc', '-N', '-U', QGA_SOCKET],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
  });
  const raw = await exec.start({ hijack: true, stdin: true });
  const output = new PassThrough();
  const words = new PassThrough();
  words.resume(); // what nc itself says
  container.modem.demuxStream(raw, output, words);
  raw.on('end', () => output.end());
  raw.on('close', () => output.end());
  raw.on('error', (err) => output.destroy(err));
  return Duplex.from({ readable: output, writable: raw });
}
