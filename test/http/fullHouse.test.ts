import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { limitConnections } from '../../src/http/limitConnections.js';
import { UnderWay } from '../../src/http/underWay.js';

test.each([
  ['of callers', LIMITS.connections.value],
  ['of guests', LIMITS.guestConnections.value],
])('of all connections %s the one that is idle for longest makes room', (_whose, total) => {
  const server = new EventEmitter() as unknown as Server;
  const { isLetIn } = limitConnections(server, { perAddress: () => Number.POSITIVE_INFINITY, total });
  const sockets = Array.from({ length: total + 1 }, () => new Socket());
  for (const socket of sockets) server.emit('connection', socket);
  expect(sockets.filter((socket) => !isLetIn(socket))).toEqual([sockets[0]]);
  expect(sockets[0]?.destroyed).toBe(true);
});

test.each([
  ['operations', LIMITS.operations.value],
  ['sockets', LIMITS.webSockets.value],
] as const)('all addresses together have a bounded number of %s', (what, most) => {
  const slots = new UnderWay()[what];
  const taken = Array.from({ length: most }, (_, n) => slots.take(`10.0.0.${n % 100}`));
  expect(taken.every((free) => free !== undefined)).toBe(true);
  expect(slots.take('10.1.1.1')).toBeUndefined();
  taken[0]?.();
  expect(slots.take('10.1.1.1')).toBeDefined();
});
