import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { decodeKeyValues, encodeKeyValues } from '../supervisor/keyValues.js';
import { waitFor } from './sandbox.js';

type Values = Record<string, string>;

/** One call of a guest, as it came. */
export interface GuestCall {
  readonly name: string;
  readonly path: string;
  readonly token: string;
  readonly values: Values;
}

interface Guest {
  /** Statuses of the next calls of a name; 200 when there are none. */
  readonly statuses: Map<string, number[]>;
  /** What `ready` is answered next; `do=ok` when it is empty. */
  readonly ready: Values[];
  readonly orders: Values[];
  wake: () => void;
}

/** Plays the server of the guest protocol. It listens on all addresses: guests come through the Docker bridge. */
export class GuestServer {
  readonly calls: GuestCall[] = [];
  readonly #guests = new Map<string, Guest>();
  readonly #server: Server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '0.0.0.0', resolve));
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** The first call of that name and token that fits. */
  waitForCall(name: string, token: string, fits: (values: Values) => boolean = () => true, limitMs = 30_000) {
    return waitFor(`a fitting call of ${name} with token ${token}`, limitMs, async () =>
      this.calls.find((call) => call.name === name && call.token === token && fits(call.values)),
    );
  }

  callsOf(name: string, token: string): Values[] {
    return this.calls.filter((call) => call.name === name && call.token === token).map(({ values }) => values);
  }

  /** The guest's next `ready` is answered with this. */
  answerReady(token: string, ...answers: Values[]): void {
    this.#guest(token).ready.push(...answers);
  }

  /** The guest's next calls of that name are refused with these. */
  refuse(token: string, name: string, ...statuses: number[]): void {
    this.#guest(token).statuses.set(name, statuses);
  }

  /** The guest's next look is answered with this. */
  order(token: string, order: Values): void {
    const guest = this.#guest(token);
    guest.orders.push(order);
    guest.wake();
  }

  /** Has a command run; returns its id. */
  run(token: string, command: string, more: Values = {}): string {
    const id = more.id ?? randomUUID();
    this.order(token, { do: 'run', id, command, timeout: '60', directory: '', script: 'here', ...more });
    return id;
  }

  async result(token: string, id: string, limitMs = 30_000): Promise<Values> {
    return (await this.waitForCall('result', token, (values) => values.id === id, limitMs)).values;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #guest(token: string): Guest {
    const known = this.#guests.get(token) ?? { statuses: new Map(), ready: [], orders: [], wake: () => {} };
    this.#guests.set(token, known);
    return known;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = request.url ?? '';
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const values = Object.fromEntries(decodeKeyValues(body));
    const name = path.split('/').at(-1) ?? '';
    this.calls.push({ name, path, token, values });
    const status = this.#guest(token).statuses.get(name)?.shift() ?? 200;
    if (status !== 200) return void response.writeHead(status).end();
    const answer = await this.#answer(name, this.#guest(token), values);
    response.setHeader('Content-Type', 'text/plain').end(encodeKeyValues(answer));
  }

  async #answer(name: string, guest: Guest, values: Values): Promise<Values> {
    if (name === 'ready') return guest.ready.shift() ?? { do: 'ok' };
    if (name !== 'next') return { do: 'ok' };
    if (guest.orders.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Number(values.wait) * 1000);
        guest.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return guest.orders.shift() ?? { do: 'none' };
  }
}
