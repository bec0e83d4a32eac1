import { buildMissing, buildStandIns } from './buildStandIns.js';

try {
  // Whoever waits for the images runs this again under the lock.
  if (process.argv.includes('--locked')) await buildMissing();
  else console.log(Object.values(await buildStandIns()).join('\n'));
} catch (err) {
  console.error(`stand-in images not built: ${err instanceof Error ? err.message : String(err)}`);
  process.exitCode = 1;
}
