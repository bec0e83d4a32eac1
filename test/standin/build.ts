import { buildStandIns } from './buildStandIns.js';

try {
  const { stub, qemu } = await buildStandIns();
  console.log(`${stub}\n${qemu}`);
} catch (err) {
  console.error(`stand-in images not built: ${err instanceof Error ? err.message : String(err)}`);
  process.exitCode = 1;
}
