import { get } from 'node:http';
import { deadline } from '../../../primitives/deadline.js';
import { type Dial, NotThere } from '../../dial.js';
import { MACHINE_PORTS } from '../../machinePorts.js';
import type { InstallProgress } from '../../provisioner.js';
import { parseStatusPage } from './statusPage.js';

const LIMIT_MS = 2000;
const MAX_BYTES = 16_384;

/**
 * What the guest image says of an installation now. Undefined: it says nothing (too early, stopped). Throws only what `dial` throws beside
 * that nothing is there.
 */
export async function fetchStatusPage(dial: Dial): Promise<InstallProgress | undefined> {
  const machine = await dial(MACHINE_PORTS.web, LIMIT_MS).catch((fault: unknown) => {
    if (fault instanceof NotThere) return undefined;
    throw fault;
  });
  if (machine === undefined) return undefined;
  const { signal, done } = deadline(LIMIT_MS);
  const asked = new Promise<InstallProgress | undefined>((resolve) => {
    const request = get({ createConnection: () => machine, path: '/msg.html', signal }, (response) => {
      if (response.statusCode === 404) {
        // The image takes the page away once QEMU runs, and from then on says nothing more.
        resolve({ phase: 'SETUP', progress: null, message: 'Windows is being set up' });
        response.destroy();
        return;
      }
      let html = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        html += chunk;
        if (html.length > MAX_BYTES) response.destroy();
      });
      response.on('close', () => resolve(response.statusCode === 200 ? parseStatusPage(html) : undefined));
      response.on('error', () => resolve(undefined));
    });
    request.on('error', () => resolve(undefined));
  });
  return asked.finally(done);
}
