import { connect } from 'node:net';

const PORT = 7777;
const LIMIT_MS = 3000;

/** Asks the stand-in's guest one line ("read NAME", "write NAME VALUE"); undefined while it does not answer. */
export function guestCommand(address: string, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: PORT });
    const end = (answer?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, LIMIT_MS);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${command}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) end(text.split('\n')[0]?.trim());
    });
    socket.on('error', () => end());
    socket.on('close', () => end());
  });
}
