import { accessSync, constants, readFileSync, type Stats, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { NoEngine } from './engine.js';
import type { SocketFacts } from './socketChecks.js';

const GROUP_READ_WRITE = 0o060;

/** Why the engine can't be reached, of a fault of the connection; undefined: the fault is none. */
export function socketFacts(fault: Error, socket: string): SocketFacts | undefined {
  const code = 'code' in fault ? String(fault.code) : '';
  const connecting = 'syscall' in fault && fault.syscall === 'connect';
  // What the parser of HTTP says of bytes that are none.
  if (fault instanceof NoEngine || code.startsWith('HPE_')) return { ...unreached(socket, ''), failure: 'stranger' };
  return connecting ? unreached(socket, code) : undefined;
}

function unreached(socket: string, code: string): SocketFacts {
  const closed = code === 'EACCES' || code === 'EPERM' ? closedFolder(socket) : undefined;
  const found = closed === undefined ? look(socket) : undefined;
  const facts = {
    socket,
    closed: closed ?? socket,
    ...whoWeAre(),
    owner: nameIn('/etc/passwd', found?.uid),
    group: found && (found.mode & GROUP_READ_WRITE) === GROUP_READ_WRITE ? nameIn('/etc/group', found.gid) : undefined,
  };
  if (closed !== undefined) return { ...facts, failure: 'folder denied' };
  if (code === 'EACCES' || code === 'EPERM') return { ...facts, failure: 'denied' };
  if (found === undefined) return { ...facts, failure: 'missing' };
  return { ...facts, failure: found.isSocket() ? 'silent' : 'not a socket' };
}

/** The first folder on the way to the socket that this user may not enter. */
function closedFolder(socket: string): string | undefined {
  const above: string[] = [];
  for (let folder = dirname(socket); ; folder = dirname(folder)) {
    above.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return above.find((folder) => {
    try {
      accessSync(folder, constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function whoWeAre(): Pick<SocketFacts, 'user' | 'isRoot'> {
  try {
    const { username, uid } = userInfo();
    return { user: username, isRoot: uid === 0 };
  } catch {
    // A user whom nobody has named, as in a container.
    return { user: String(process.getuid?.()), isRoot: false };
  }
}

/** The name behind a number in a file such as /etc/group; the number where it has none. */
function nameIn(file: string, id: number | undefined): string {
  if (id === undefined) return 'who may';
  let lines: string[] = [];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch {
    // A system without such a file.
  }
  return lines.map((line) => line.split(':')).find(([, , number]) => number === String(id))?.[0] ?? String(id);
}
