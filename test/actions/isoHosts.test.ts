import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIsoHostRefusal } from '../../src/actions/image/isoHosts.js';
import { InvalidInput, Unavailable } from '../../src/domain/errors.js';
import { aNameServer } from '../support/nameServer.js';

let names: Awaited<ReturnType<typeof aNameServer>>;
beforeAll(async () => {
  names = await aNameServer({
    'rebound.example': { A: '169.254.169.254' },
    'six.example': { AAAA: 'fe80:0:0:0:0:0:0:1' },
    'guest.example': { A: '172.31.7.9' },
    'nas.example': { A: '192.168.1.20' },
    'iso.example': { A: '93.184.216.34', AAAA: '2606:2800:220:1:248:1893:25c8:1946' },
  });
});
afterAll(() => names.close());

const guests = async () => ({
  doors: [{ whose: "the gateway of Docker's default network", elsewhere: '', address: '172.17.0.1' }],
  guests: ['172.31.7.0/24', '172.32.0.0/16', 'fd00:77::/64'],
  hosts: [],
});
const refusal = (isoUrl: string, allowed: string[] = []) =>
  createIsoHostRefusal({ allowed, guests, nameServers: [names.address] })(isoUrl);

describe('an installation is not sent for its medium to', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://169.254.43518/',
    'http://2852039166/',
    'http://0xA9FEA9FE/',
    'http://0251.0376.0251.0376/',
    'http://169.254.169.254./',
    'http://①⑥⑨.254.169.254/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[::169.254.169.254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'http://rebound.example/a.iso',
    'http://REBOUND.example./a.iso',
    'https://six.example/a.iso',
  ])('the link-local address and the secrets of a cloud: %s', async (url) => {
    expect(await refusal(url)).toMatchObject({
      field: 'isoUrl',
      fix: expect.stringMatching(/secrets.*VAPIORC_ISO_HOSTS/),
    });
  });

  test.each(['http://127.0.0.1:8000/', 'http://127.1/', 'http://localhost/', 'http://a.localhost./', 'http://[::1]/'])(
    'loopback: %s',
    async (url) => {
      expect(await refusal(url)).toMatchObject({ fix: expect.stringContaining('loopback') });
    },
  );

  test.each([
    'http://0.0.0.0/',
    'http://0/',
    'http://[::]/',
    'http://255.255.255.255/',
    'http://224.0.0.1/',
    'http://[ff02::1]/',
  ])('what is nobody: %s', async (url) => {
    expect(await refusal(url)).toMatchObject({ fix: expect.stringContaining('no address that anybody has') });
  });

  test.each([
    'http://172.31.7.1:8000/',
    'http://172.31.7.200/',
    'http://172.32.0.1/',
    'http://[fd00:77::9]/',
    'http://172.17.0.1/',
    'http://guest.example/',
    'http://[::ffff:172.31.7.1]/',
  ])('the network of the VMs and the host in it: %s', async (url) => {
    expect(await refusal(url)).toMatchObject({ fix: expect.stringContaining('network of the VMs') });
  });
});

test.each([
  'http://192.168.1.20/w.iso',
  'http://10.0.0.5:9000/w.iso',
  'https://nas.example/w.iso',
  'https://iso.example/w.iso',
  'http://[fd12::1]/w.iso',
])('other addresses are taken, those of private networks too: %s', async (url) => {
  expect(await refusal(url)).toBeUndefined();
});

test('a name that nobody knows passes: what comes of it is said by the installation', async () => {
  expect(await refusal('https://nowhere.example/w.iso')).toBeUndefined();
  const nobodyAnswers = createIsoHostRefusal({ allowed: [], guests, nameServers: ['127.0.0.1:1'] });
  expect(await nobodyAnswers('https://rebound.example/w.iso')).toBeUndefined();
});

test.each([
  ['172.31.7.1', 'http://172.31.7.1/w.iso'],
  ['172.31.7.0/28', 'http://172.31.7.1/w.iso'],
  ['fe80::/10', 'https://six.example/w.iso'],
  ['Guest.Example', 'http://guest.example/w.iso'],
  ['172.31.7.9', 'http://guest.example/w.iso'],
])('what %s allows is taken: %s', async (entry, url) => {
  expect(await refusal(url)).toBeInstanceOf(InvalidInput);
  expect(await refusal(url, ['elsewhere.example', entry])).toBeUndefined();
});

test('a secret in the URL does not come back, nor what stands behind the name of the file', async () => {
  const { message, value } = (await refusal('http://me:hunter2@127.0.0.1/w.iso?sig=hunter2#hunter2')) as InvalidInput;
  expect(value).toBe('http://***@127.0.0.1/w.iso?***');
  expect(message).not.toContain('hunter2');
});

test('while nobody knows the network of the VMs, nothing is sent anywhere', async () => {
  const away = new Unavailable('docker', 'Docker does not answer', 'Start it.');
  const asked = createIsoHostRefusal({ allowed: [], guests: async () => away, nameServers: [names.address] });
  expect(await asked('http://172.31.7.1/')).toBe(away);
});
