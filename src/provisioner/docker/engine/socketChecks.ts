import type { Check } from '../../../domain/check.js';

/** What came of a try to reach the engine; see socketFacts.ts. */
export interface SocketFacts {
  socket: string;
  /** Why it can't be used. `stranger`: something else than Docker's API answers. */
  failure: 'missing' | 'not a socket' | 'silent' | 'denied' | 'folder denied' | 'stranger';
  /** Of the folder that keeps us out, or of the socket itself. */
  closed: string;
  /** Who runs this server. */
  user: string;
  isRoot: boolean;
  /** To whom the socket belongs, and the group that may use it, if one may. */
  owner: string;
  group: string | undefined;
}

/** What a socket must be to be the engine's. Each of these stops everything. */
export const SOCKET_CHECKS: readonly Check<SocketFacts>[] = [
  {
    looksAt: 'whether it is there',
    wrong: ({ failure, socket }) =>
      failure === 'missing' ? `the Docker Engine does not answer at ${socket}: there is no such socket` : undefined,
    fix: () => 'Start Docker, or set VAPIORC_DOCKER_SOCKET to the path of its socket',
    fatal: true,
  },
  {
    looksAt: 'whether it is a socket',
    wrong: ({ failure, socket }) =>
      failure === 'not a socket' ? `the Docker Engine does not answer at ${socket}, which is not a socket` : undefined,
    // Docker makes a folder in its place where a container was to get a socket that was not there.
    fix: ({ socket }) =>
      `Remove ${socket} and start Docker anew, or set VAPIORC_DOCKER_SOCKET to the path of its socket`,
    fatal: true,
  },
  {
    looksAt: 'whether somebody takes calls',
    wrong: ({ failure, socket }) =>
      failure === 'silent' ? `the Docker Engine does not answer at ${socket}: nothing takes calls there` : undefined,
    fix: () => 'Start Docker, or set VAPIORC_DOCKER_SOCKET to the path of its socket',
    fatal: true,
  },
  {
    looksAt: 'the folders on the way to it',
    wrong: ({ failure, socket, closed, user }) =>
      failure === 'folder denied'
        ? `no permission on the way to the Docker socket ${socket}: the folder ${closed} does not let ${user} in`
        : undefined,
    fix: ({ closed, user }) => `Let ${user} pass (chmod o+x ${closed}), or run vapiorc as a user who may`,
    fatal: true,
  },
  {
    looksAt: 'the right to use it',
    wrong: ({ failure, socket }) => (failure === 'denied' ? `no permission on the Docker socket ${socket}` : undefined),
    fix: ({ socket, user, isRoot, owner, group }) => {
      if (isRoot)
        return 'Run vapiorc as root of the host, not of a user namespace or of a container that is kept from it';
      return group === undefined
        ? `Run vapiorc as the user ${owner}, whose own it is, or give it to a group: chgrp docker ${socket} && chmod g+rw ${socket}`
        : `Add the user ${user} to the group ${group} (usermod -aG ${group} ${user}) and log in anew`;
    },
    fatal: true,
  },
  {
    looksAt: 'who answers',
    wrong: ({ failure, socket }) =>
      failure === 'stranger' ? `what answers at ${socket} is no Docker Engine` : undefined,
    fix: () => "Set VAPIORC_DOCKER_SOCKET to the path of Docker's socket, /var/run/docker.sock as a rule",
    fatal: true,
  },
];
