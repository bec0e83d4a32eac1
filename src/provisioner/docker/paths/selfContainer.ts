/**
 * The id of the container that this process runs in, out of /proc/self/mountinfo, or undefined when it runs on the host.
 * The engine mounts three files of the container's own folder into it; that holds with host networking, with any
 * host name and with either version of cgroups. A host shows other containers' folders too, but as places to mount to.
 */
export function selfContainerId(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [, , , root = '', target = ''] = line.split(' ');
    if (!['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'].includes(target)) continue;
    const id = /\/(?:overlay-)?containers\/([0-9a-f]{64})\//.exec(root)?.[1];
    if (id !== undefined) return id;
  }
  return undefined;
}
