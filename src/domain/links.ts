/** RDP is published this far above the web port: the prototype's promise. */
export const RDP_OFFSET = 1000;

/** Where a browser sees the screen of the machine with this web port. */
export function novncUrl(publicHost: string, port: number): string {
  return `http://${publicHost.includes(':') ? `[${publicHost}]` : publicHost}:${port}`;
}
