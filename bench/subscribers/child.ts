import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Kit } from '../kit.js';

/** A process of this benchmark that answers each question with one message. */
export interface Child<Question, Answer> {
  ask(question: Question): Promise<Answer>;
  tell(message: Question): void;
  stop(): Promise<void>;
}

/** `file` lies beside this one. It ends by itself when this process is gone. */
export function startChild<Question extends object, Answer>(kit: Kit, file: string): Child<Question, Answer> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  return {
    ask: (question) => answered<Answer>(child, question),
    tell: (message) => void child.send(message),
    stop: kit.opened(file, async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await exited;
    }),
  };
}

function answered<Answer>(child: ChildProcess, question: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('a process of the benchmark ended'));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      resolve(answer as Answer);
    });
    child.send(question);
  });
}
