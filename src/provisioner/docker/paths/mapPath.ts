import { posix } from 'node:path';

export interface MountPoint {
  /** Path on the Docker host. */
  Source: string;
  /** Path in the container. */
  Destination: string;
}

/** What a path in a container is on the Docker host, by the mount that is nearest above it; undefined: it lies in no mount. */
export function mapPath(path: string, mounts: readonly MountPoint[]): string | undefined {
  const nearest = mounts
    .filter(({ Source, Destination }) => Source !== '' && isUnder(path, Destination))
    .toSorted((a, b) => b.Destination.length - a.Destination.length)[0];
  return nearest && posix.join(nearest.Source, posix.relative(nearest.Destination, path));
}

function isUnder(path: string, folder: string): boolean {
  const way = posix.relative(folder, path);
  return way === '' || (!way.startsWith('../') && way !== '..' && !posix.isAbsolute(way));
}
