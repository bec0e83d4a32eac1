import { randomUUID } from 'node:crypto';
import { createSimulatedProvisioner } from '../../src/provisioner/simulated/simulated.js';
import { describeProvisioner } from '../provisioner.contract.js';
import { alone } from '../support/alone.js';
import { until } from '../support/until.js';

describeProvisioner(
  'simulated',
  async () => {
    const done = new Set<string>();
    const provisioner = alone(
      createSimulatedProvisioner({
        createMs: 5,
        bootMs: 20,
        installMs: 20,
        failureRate: 0,
        onReady: () => {},
        onInstalled: (id) => done.add(id),
        onEnded: () => {},
        onSeen: () => {},
        seenEveryMs: 1000,
        hostPorts: { ports: { start: 8001, end: 8100 }, publicHost: 'localhost' },
      }),
    );
    let port = 8001;
    const machine = () => ({
      id: randomUUID(),
      vmType: '11',
      language: 'English',
      cpuCores: 1,
      ramMiB: 2048,
      diskGiB: 64,
      endpoint: String(port++),
      token: 'x',
    });
    return {
      provisioner,
      installSpec: async () => ({ ...machine(), isoUrl: null, oemBundle: null }),
      cloneSpec: async (goldenImageId) => ({ ...machine(), goldenImageId, containerImage: 'simulated' }),
      installed: async (id) => {
        await until('the installation is done', async () => done.has(id), 5000);
      },
      crash: async (ref) => provisioner.kill(ref, 1),
      befall: async (ref, misfortune, on) => provisioner.befall(ref, misfortune, on),
      loseDisk: async (ref) => provisioner.befall(ref, 'diskGone'),
      doubt: { makeNextWait: () => provisioner.failNext('wait'), befall: (...what) => provisioner.befall(...what) },
      remove: () => provisioner.close(),
    };
  },
  { disks: false, doubt: true },
);
