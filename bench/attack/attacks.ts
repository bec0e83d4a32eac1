import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { LIMITS } from '../../src/domain/limits.js';
import { PRICES } from '../../src/domain/prices.js';
import { askOnAndOn, holdSockets } from './hold.js';
import type { Target } from './messages.js';

interface Attack {
  what: string;
  /** Resolves when it is under way; it then goes on until the process ends. */
  begin(target: Target): Promise<void>;
}

const JSON_BODY = { 'content-type': 'application/json' };
const SLOW_EVERY_MS = 1_000;
const CLIENTS = 4;
/** A page of one row, and what it says about itself. */
const LIST = 'vms(first: 1) { nodes { id } }';
const LISTS = Math.floor(LIMITS.graphqlCost.value / (PRICES.read.points + 10 * PRICES.value.points));
const INTROSPECTION = '__schema{types{name fields{name type{name} args{name}}}}';

export const attacks = {
  slowHeaders: {
    what: '1,000 connections that send a header a second and never end it',
    begin: (target) => trickle(target, 1_000, 'GET /health HTTP/1.1\r\nHost: localhost\r\n', 'X-Slow: yes\r\n'),
  },
  slowBodies: {
    what: '1,000 connections that send a byte of a body a second',
    begin: (target) =>
      trickle(
        target,
        1_000,
        'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{',
        ' ',
      ),
  },
  idleSockets: {
    what: '10,000 connections that send nothing',
    begin: (target) => holdSockets(target, 10_000),
  },
  vmEvents: {
    what: '50 WebSockets with 100 subscriptions to vmEvents each',
    begin: (target) => subscribe(target, 50, 'subscription { vmEvents { cursor kind vmId reason at } }'),
  },
  poolUpdated: {
    what: '20 WebSockets with 100 subscriptions to poolUpdated each',
    begin: (target) => subscribe(target, 20, 'subscription { poolUpdated { vmType counts { readySpares assigned } } }'),
  },
  replays: {
    what: '500 readers at once of all events since the first',
    begin: (target) => askOnAndOn(target, new Agent(), 500, '/api/vms/events?after=0', undefined, {}),
  },
  breadth: {
    what: `{pools{counts{booting}}…} 560 times in one document, ${CLIENTS} clients at once`,
    begin: (target) => query(target, `{${'pools{counts{booting}}'.repeat(560)}}`),
  },
  dearest: {
    what: `documents with as many lists as the price of one may be, ${CLIENTS} clients at once`,
    begin: (target) => query(target, `{${Array.from({ length: LISTS }, (_, n) => `a${n}:${LIST}`).join(' ')}}`),
  },
  introspection: {
    what: `introspection by 40 aliases, ${CLIENTS} clients at once`,
    begin: (target) => query(target, `{${Array.from({ length: 40 }, (_, n) => `a${n}:${INTROSPECTION}`).join(' ')}}`),
  },
  unknownKeys: {
    what: `4,000 unknown keys in a variable, ${CLIENTS} clients at once`,
    begin: (target) =>
      query(target, 'mutation($i: AssignVmInput!) {assignVm(input: $i) {__typename}}', {
        i: Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`k${n}`, n])),
      }),
  },
  resets: {
    what: '20 connections at once that ask for an upgrade by a foreign host, and are reset after 20 ms',
    begin: (target) =>
      holdSockets(target, 20, (socket) => {
        socket.write('GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
        setTimeout(() => socket.resetAndDestroy(), 20);
      }),
  },
  guest: {
    what: '200 connections of a guest to its door, with one false report after the other',
    begin: (target) => report(target, 'no-such-machine.0000'),
  },
  admittedGuest: {
    what: '200 connections of a guest to its door, with one report after the other and its right token',
    begin: (target) => report(target, target.token ?? ''),
  },
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;

function report(target: Target, token: string): Promise<void> {
  const body = `phase=oobe\n${'#'.repeat(8_000)}`;
  const agent = new Agent({ keepAlive: true });
  return askOnAndOn(target, agent, 200, '/guest/v1/ready', body, { authorization: `Bearer ${token}` });
}

function trickle(target: Target, count: number, first: string, then: string): Promise<void> {
  return holdSockets(target, count, (socket) => {
    socket.write(first);
    const timer = setInterval(() => socket.write(then), SLOW_EVERY_MS);
    socket.once('close', () => clearInterval(timer));
  });
}

function query(target: Target, text: string, variables?: object): Promise<void> {
  const body = JSON.stringify({ query: text, variables });
  return askOnAndOn(target, new Agent({ keepAlive: true }), CLIENTS, '/graphql', body, JSON_BODY);
}

async function subscribe({ host, port, from }: Target, count: number, text: string): Promise<void> {
  const open = () => {
    const socket = new WebSocket(`ws://${host}:${port}/graphql`, 'graphql-transport-ws', {
      ...(from && { localAddress: from }),
    });
    socket.on('error', () => {});
    socket.on('open', () => socket.send('{"type":"connection_init"}'));
    socket.once('message', () => {
      for (let n = 0; n < 100; n++)
        socket.send(JSON.stringify({ id: String(n), type: 'subscribe', payload: { query: text } }));
    });
    socket.on('close', () => setTimeout(open, 500));
  };
  for (let n = 0; n < count; n++) open();
  await sleep(1_000);
}
