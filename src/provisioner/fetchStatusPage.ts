import { get } from 'node:http';
import { deadline } from '../primitives/deadline.js';
import { WEB_PORT } from './createOptions.js';
import type { InstallProgress } from './provisioner.js';
import { parseStatusPage } from './statusPage.js';

const LIMIT_MS = 2000;
const MAX_BYTES = 16_384;

/** What the guest image says of an installation now. Undefined: it says nothing (too early, stopped). Never throws. */
export function fetchStatusPage(address: string): Promise<InstallProgress | undefined> {
  const { signal, done } = deadline(LIMIT_MS);
  const asked = new Promise<InstallProgress | undefined>((resolve) => {
    const request = get({ host: address, port: WEB_PORT, path: '/msg.html', signal, agent: false }, (response) => {
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
