/** What lies on the disk is not usable and trying again will not help. The message says what and why. */
export class DiskBroken extends Error {}
