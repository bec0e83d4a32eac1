import { lookup as dnsLookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Network } from '../network.js';

export interface Report {
  readonly server: string;
  readonly token: string;
  readonly values: Record<string, string>;
}

/** Posts until the server takes it (2xx) or says that it never will (401, 404, 410). */
export async function sendReport(
  report: Report,
  network: Network,
  maxDelayMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (let delayMs = 100; !signal.aborted; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
    const status = await post(report, network, signal).catch(() => 0);
    if ((status >= 200 && status < 300) || [401, 404, 410].includes(status)) return;
    await sleep(delayMs, undefined, { signal });
  }
}

function post({ server, token, values }: Report, network: Network, signal: AbortSignal): Promise<number> {
  const url = new URL(`${server.replace(/\/+$/, '')}/guest/v1/ready`);
  const body = Object.entries(values)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}\n`)
    .join('');
  const headers = {
    Authorization: `Bearer ${token}`,
    'Content-Type': 'text/plain',
    'Content-Length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const host = guestAddress(url.hostname, network);
    const options = { method: 'POST', headers: { ...headers, Host: url.host }, signal, timeout: 10_000, agent: false };
    const request = send({
      ...options,
      host: host ?? url.hostname,
      port: url.port,
      path: url.pathname,
      lookup: dnsLookup,
    });
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(body);
  });
}

/** The names that the image's own name server knows; in user mode there is no `system.lan`. */
function guestAddress(name: string, network: Network): string | undefined {
  if (name === 'host.lan') return '127.0.0.1';
  if (name !== 'system.lan') return undefined;
  return network.mode === 'nat' && network.gateway ? network.gateway : 'system.lan.invalid';
}
