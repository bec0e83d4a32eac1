import { buildStandIns, buildVariant, QEMU_TAG, STUB_TAG } from '../../standin/buildStandIns.js';

export const STUB = STUB_TAG;
export const QEMU = QEMU_TAG;

/** Sees that the stand-ins of the guest image are there and are what their sources say. */
export async function ensureStandIns(): Promise<void> {
  await buildStandIns();
}

/** A stub whose Windows takes 6 s to shut down. */
export const shutsDownSlowly = () => buildVariant('stub', 'shuts-down-slowly', { STANDIN_SHUTDOWN_MS: '6000' });
