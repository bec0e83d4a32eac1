import { expect, test } from 'vitest';
import { isHostAllowed, isLoopback, originCheck } from '../../src/http/hostCheck.js';

const consolePorts = { start: 8001, end: 8100 };
const names = ['vms.example.org', 'Builder'];

test.each([
  [undefined, true],
  ['127.0.0.1:8000', true],
  ['192.168.1.7', true],
  ['[::1]:8000', true],
  ['[fe80::1]', true],
  ['localhost', true],
  ['LOCALHOST:8000', true],
  ['localhost.', true],
  ['vms.example.org:8000', true],
  ['VMs.Example.org.', true],
  ['builder', true],
  ['', false],
  ['evil.example.com', false],
  ['localhost.evil.example.com', false],
  ['vms.example.org.evil.example.com', false],
  ['sub.vms.example.org', false],
  ['127.0.0.1.evil.example.com', false],
  ['127.0.0.1.nip.io:8000', false],
  ['999.0.0.1', false],
  ['[vms.example.org]', false],
  ['[127.0.0.1]', false],
  ['::1', false],
  ['user@localhost', false],
  ['localhost/', false],
  ['localhost evil.example.com', false],
  ['localhost:8000:evil', false],
  ['localhost:port', false],
])('Host %j: allowed %s', (host, allowed) => {
  expect(isHostAllowed(host, names)).toBe(allowed);
});

test.each([
  [undefined, 'localhost:8000', false],
  ['http://localhost:8000', 'localhost:8000', false],
  ['http://LOCALHOST:8000', 'localhost:8000', false],
  ['http://vms.example.org', 'vms.example.org:80', false],
  ['https://vms.example.org', 'vms.example.org', false],
  ['https://vms.example.org', '10.0.0.7:8000', false], // a proxy that ends TLS and names us by address
  ['http://vms.example.org', '10.0.0.7:8000', false],
  ['https://vms.example.org:8443', 'vms.example.org', false], // the proxy listens on another port and passes the bare name
  ['https://VMS.example.org.', '10.0.0.7:8000', false],
  ['https://vms.example.org.evil.example', 'vms.example.org', true],
  ['https://user@vms.example.org:8001', '10.0.0.7:8000', true],
  ['vscode-webview://1b2c', 'localhost:8000', false], // programs, whose pages nobody else can give out
  ['app://-', 'localhost:8000', false],
  ['tauri://localhost', 'localhost:8000', false],
  ['chrome-extension://abc', 'localhost:8000', true],
  ['FILE://', 'localhost:8000', true],
  ['blob:http://evil.example/1', 'localhost:8000', true],
  ['https://vms.example.org:8001', 'vms.example.org:8000', true],
  ['http://localhost:8001', 'localhost:8000', true], // the console of a VM
  ['http://127.0.0.1:8000', 'localhost:8000', true],
  ['http://evil.example.com', 'localhost:8000', true],
  ['http://localhost:8000.evil.example.com', 'localhost:8000', true],
  ['null', 'localhost:8000', true],
  ['', 'localhost:8000', true],
  ['file://', 'localhost:8000', true],
  ['http://localhost:8000', undefined, true],
])('Origin %j at Host %j: foreign %s', (origin, host, foreign) => {
  expect(originCheck({ publicName: 'vms.example.org', consolePorts })(origin, host)).toBe(foreign);
});

test.each(['https://localhost', 'http://localhost', 'https://localhost:8443', 'http://localhost:3000', 'null'])(
  'where no name is configured, %s is as foreign as any',
  (origin) => {
    expect(originCheck({ consolePorts })(origin, '127.0.0.1:8000')).toBe(true);
  },
);

test.each([
  ['127.0.0.1', true],
  ['127.255.255.255', true],
  ['::ffff:127.0.0.5', true],
  ['::1', true],
  ['128.0.0.1', false],
  ['::ffff:172.20.0.5', false],
  ['127::1', false],
  ['fe80::1%lo', false],
])('%s is this machine alone: %s', (address, alone) => {
  expect(isLoopback(address)).toBe(alone);
});
