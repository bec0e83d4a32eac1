import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { Callers } from '../../src/http/callers.js';

const request = (remoteAddress?: string) => ({ socket: { remoteAddress } }) as IncomingMessage;

test('a request that nobody has looked at is answered by nobody', () => {
  const callers = new Callers();
  callers.enter(request('127.0.0.1'));

  expect(() => callers.of(request('127.0.0.1'))).toThrow('nobody has looked at');
});

test('whoever enters is known, with the address it came from', () => {
  const callers = new Callers();
  const [one, gone] = [request('192.0.2.7'), request()];
  callers.enter(one);
  callers.enter(gone);

  expect(callers.of(one)).toMatchObject({ address: '192.0.2.7', principal: { actor: 'api' } });
  expect(callers.of(gone)).toMatchObject({ address: '' });
});
