import { createServer, type Server } from 'node:net';

/** A line service that every test can speak: one command a line, one answer a line. */
export function commandServer(answer: (command: string, words: string[]) => Promise<string>): Server {
  return createServer((socket) => {
    let pending = '';
    let turn: Promise<void> = Promise.resolve();
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (text: string) => {
      const lines = (pending + text).split(/\r?\n/);
      pending = lines.pop() ?? '';
      for (const line of lines) {
        const [command = '', ...words] = line.trim().split(/\s+/);
        turn = turn.then(async () => {
          const reply = await answer(command, words).catch((err: Error) => `error ${err.message}`);
          if (socket.writable) socket.write(`${reply}\n`);
        });
      }
    });
  });
}
