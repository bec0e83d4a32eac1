import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { runtimeFile } from './runtimeFile.js';
import type { Settings } from './settings.js';
import { acceptWebSocket, type WebSocketPeer } from './webSocket.js';

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const statusPage = (message: string) => `<!DOCTYPE html><html><head><title>Windows</title></head><body>
<div id="info">${message}</div><script>
const url = location.href.replace(/^http/, 'ws').replace(/[^/]*$/, '') + 'status';
new WebSocket(url).onmessage = ({ data }) => {
  if (data.startsWith('s: ')) document.getElementById('info').innerHTML = data.slice(3);
  if (data.startsWith('c: vnc')) location.reload();
};
</script></body></html>`;

const viewerPage = `<!DOCTYPE html><html><head><title>noVNC</title></head><body>
<p>This stand-in has no viewer; the screen is at ./websockify.</p></body></html>`;

/** Port 8006: status page, /msg.html and /status while preparing; afterwards the viewer and /websockify. */
export class Web {
  #message: string | undefined;
  readonly #watchers = new Set<WebSocketPeer>();
  readonly #server: Server;
  readonly #authorization: Buffer | undefined;

  constructor(
    readonly settings: Settings,
    readonly vncPort: number,
  ) {
    if (settings.isOn('PROTECT', settings.isOn('PASS', false))) {
      const pair = `${settings.text('USERNAME', 'Docker')}:${settings.text('PASSWORD', 'admin')}`;
      this.#authorization = Buffer.from(`Basic ${Buffer.from(pair).toString('base64')}`);
    }
    this.#server = createServer((request, response) => {
      if (!this.#mayPass(request)) {
        response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="Windows"' }).end();
        return;
      }
      const path = (request.url ?? '/').split('?')[0];
      const headers = { 'Content-Type': 'text/html', 'Cache-Control': 'no-store' };
      if (path === '/' || path === '/index.html' || path === '/vnc.html') {
        const page = this.#message === undefined ? viewerPage : statusPage(this.#message);
        response.writeHead(200, headers).end(page);
      } else if (path === '/msg.html' && this.#message !== undefined) {
        response.writeHead(200, headers).end(this.#message);
      } else {
        response.writeHead(404, headers).end('<html><body>404 Not Found</body></html>');
      }
    });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async listen(): Promise<void> {
    if (!this.settings.isOn('WEB', true)) return;
    const port = this.settings.number('WEB_PORT', 8006);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, () => resolve());
    });
  }

  /** A text that ends in dots is shown with a spinner; `progress` such as `12.3%` goes before the end. */
  readonly tell = (text: string, progress?: string): void => {
    const loading = text.endsWith('...');
    const words = loading ? text.slice(0, -3) : text;
    const full = progress ? `${words} (${progress})` : words;
    const escaped = full.replace(/[&<>"]/g, (char) => entities[char] ?? char);
    const fragment = loading ? `<p class="loading">${escaped}</p>` : escaped;
    if (fragment === this.#message) return;
    this.#message = fragment;
    runtimeFile.write('msg.html', fragment);
    for (const watcher of this.#watchers) watcher.send(`s: ${fragment}`);
  };

  /** QEMU is being started: from now on /msg.html is gone and watchers are sent to the viewer. */
  machineStarts(display: string): void {
    if (display !== 'web') {
      const vnc = 'You can now connect to VNC on port 5900.';
      this.tell(display === 'vnc' ? vnc : 'The virtual machine was booted successfully.');
      return;
    }
    this.#message = undefined;
    runtimeFile.remove('msg.html');
    for (const watcher of this.#watchers) watcher.send('c: vnc');
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #mayPass(request: IncomingMessage): boolean {
    if (!this.#authorization) return true;
    const given = Buffer.from(request.headers.authorization ?? '');
    return given.length === this.#authorization.length && timingSafeEqual(given, this.#authorization);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (!this.#mayPass(request)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="Windows"\r\n\r\n');
      return;
    }
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/status') this.#watch(request, socket, head);
    else if (path === '/websockify') this.#view(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
  }

  #watch(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const peer = acceptWebSocket(request, socket, head);
    if (!peer) return;
    this.#watchers.add(peer);
    peer.on('close', () => this.#watchers.delete(peer));
    if (this.#message !== undefined) peer.send(`s: ${this.#message}`);
  }

  #view(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const vnc = connect(this.vncPort, '127.0.0.1');
    vnc.once('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    vnc.once('connect', () => {
      const peer = acceptWebSocket(request, socket, head);
      if (!peer) return void vnc.destroy();
      peer.on('message', (data) => vnc.write(data));
      peer.on('close', () => vnc.destroy());
      vnc.on('data', (data) => peer.send(data));
      vnc.on('close', () => peer.close());
    });
  }
}
