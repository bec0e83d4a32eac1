/** Ports of each machine's container, whatever engine runs it: the guest image's own, of which two lead into Windows or to its screen. */
export const MACHINE_PORTS = {
  /** The screen for browsers, and the page that tells how an installation goes. Not published: this server stands before it (http/screenDoor.ts). */
  web: 8006,
  /** The screen by VNC. */
  vnc: 5900,
  rdp: 3389,
} as const;
