import { buildVariant, QEMU_TAG, STUB_TAG } from '../../standin/buildStandIns.js';
import { underLock } from './build.js';

export const STUB = STUB_TAG;
export const QEMU = QEMU_TAG;

/** Sees that the stand-ins of the guest image are there and are what their sources say. */
export async function ensureStandIns(): Promise<void> {
  await underLock('stand-ins', 'npx', ['tsx', 'test/standin/build.ts']);
}

/** A stub whose Windows takes 6 s to shut down. */
export const shutsDownSlowly = () =>
  buildVariant(`${STUB_TAG.split(':')[0]}:shuts-down-slowly`, { STANDIN_SHUTDOWN_MS: '6000' });
