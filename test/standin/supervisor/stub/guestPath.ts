/** The folder of this container that stands for a folder of Windows: C: is the root, Z: and the UNC path the share. */
export function guestPath(directory: string): string {
  const path = directory.replaceAll('\\', '/');
  const shared = /^(?:[zZ]:|\/\/host\.lan\/[Dd]ata)(.*)$/.exec(path)?.[1];
  if (shared !== undefined) return `/share/${shared.replace(/^\//, '')}`;
  return path.replace(/^[A-Za-z]:/, '') || '/';
}
