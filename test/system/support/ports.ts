import { createServer } from 'node:net';

/** Enough web ports for one deployment; RDP takes the same + 1000. */
const RANGE = 10;
/** Below what systems give out by themselves, and no other test's. Each worker of the run has a part of its own. */
const WEB_FIRST = 31_000;
const BLOCKS_PER_WORKER = 25;
const SERVER_FIRST = 31_600;

const worker = Number(process.env.VITEST_POOL_ID ?? '1') % 2;
let next = Math.floor(Math.random() * BLOCKS_PER_WORKER);

export interface Ports {
  api: number;
  guest: number;
  /** First and last web port of VMs. */
  start: number;
  end: number;
}

/** Ports for one deployment that nobody holds now. */
export async function freePorts(): Promise<Ports> {
  for (let tries = 0; tries < BLOCKS_PER_WORKER; tries++) {
    const block = worker * BLOCKS_PER_WORKER + (next++ % BLOCKS_PER_WORKER);
    const start = WEB_FIRST + block * RANGE;
    const end = start + RANGE - 1;
    const api = SERVER_FIRST + block * 4;
    const wanted = [api, api + 1, ...Array.from({ length: RANGE }, (_, index) => start + index)];
    const free = await Promise.all([...wanted, ...wanted.slice(2).map((port) => port + 1000)].map(isFree));
    if (free.every(Boolean)) return { api, guest: api + 1, start, end };
  }
  throw new Error('no free ports for a test server');
}

/** A port for something else than a deployment. */
export async function freePort(): Promise<number> {
  return (await freePorts()).api;
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
