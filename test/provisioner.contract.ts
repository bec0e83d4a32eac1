import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Unavailable } from '../src/domain/errors.js';
import { dial } from '../src/provisioner/dial.js';
import { answersRdp } from '../src/provisioner/docker/guest/rdpProbe.js';
import { MACHINE_PORTS } from '../src/provisioner/machinePorts.js';
import {
  Broken,
  type CloneSpec,
  type InstallProgress,
  type InstallSpec,
  type LeadingProvisioner,
  type MachineRef,
  Waiting,
} from '../src/provisioner/provisioner.js';
import { decodePng } from './provisioner/decodePng.js';
import { until } from './support/until.js';

/** A provisioner and what a test needs to play the world around it. */
export interface ProvisionerUnderTest {
  provisioner: LeadingProvisioner;
  installSpec: () => Promise<InstallSpec>;
  cloneSpec: (goldenImageId: string) => Promise<CloneSpec>;
  /** Resolves when the guest of an installation has done its work. */
  installed: (goldenImageId: string) => Promise<void>;
  /** The machine ends by itself with a code that is not 0. */
  crash: (ref: MachineRef) => Promise<void>;
  /** Something befalls the machine from outside, and is undone. */
  befall: (ref: MachineRef, misfortune: 'paused' | 'disconnected', on: boolean) => Promise<void>;
  /** An engine that may have to make a machine wait, or lose it, does so on purpose. */
  doubt?: {
    makeNextWait: () => void;
    befall: (ref: MachineRef, misfortune: 'waiting' | 'lost', on: boolean) => void;
  };
  loseDisk: (ref: MachineRef) => Promise<void>;
  remove: () => Promise<void>;
}

const LIMIT_MS = 30_000;

/**
 * What every provisioner promises; one that only plays knows no disks, and so none that is missing. `doubt`: it may make machines wait, or
 * lose them, which one on a single host never does.
 */
export function describeProvisioner(
  name: string,
  make: () => Promise<ProvisionerUnderTest>,
  { disks = true, doubt = false } = {},
): void {
  describe(`${name}: a provisioner`, { timeout: 60_000 }, () => {
    let world: ProvisionerUnderTest;
    let provisioner: LeadingProvisioner;
    let goldenImageId: string;

    const listed = async (ref: MachineRef) =>
      (await provisioner.list()).find((one) => one.ref.kind === ref.kind && one.ref.id === ref.id);
    const cloned = async (): Promise<MachineRef> => {
      const spec = await world.cloneSpec(goldenImageId);
      expect(await provisioner.clone(spec)).toHaveProperty('engineId');
      return { kind: 'vm', id: spec.id };
    };
    const installing = async (): Promise<MachineRef> => {
      const spec = await world.installSpec();
      expect(await provisioner.install(spec, () => {})).toHaveProperty('engineId');
      return { kind: 'golden', id: spec.id };
    };

    beforeAll(async () => {
      world = await make();
      provisioner = world.provisioner;
      goldenImageId = (await installing()).id;
      await world.installed(goldenImageId);
      expect(await provisioner.seal(goldenImageId)).toHaveProperty('sha256');
    }, 120_000);
    afterAll(() => world?.remove());

    test('an installation runs, is listed, and asked for again is left as it is', async () => {
      const spec = await world.installSpec();
      const ref: MachineRef = { kind: 'golden', id: spec.id };

      const started = await provisioner.install(spec, () => {});

      expect(await provisioner.inspect(ref)).toMatchObject({
        ...('engineId' in started && { engineId: started.engineId }),
        state: 'running',
      });
      expect((await listed(ref))?.machine?.state).toBe('running');
      expect(await provisioner.install(spec, () => {})).toEqual(started);
      await provisioner.destroy(ref);
    });

    test('an installation tells how far it is', async () => {
      const ref = await installing();

      const told: InstallProgress = await until('progress', () => provisioner.progress(ref.id), LIMIT_MS);

      expect(told.message).not.toBe('');
      if (told.progress !== null) expect(told.progress).toSatisfy((share: number) => share >= 0 && share <= 1);
      await provisioner.destroy(ref);
      expect(await provisioner.progress(ref.id)).toBeUndefined();
    });

    test('a sealed image has no machine any more, and sealed again the answer is the same', async () => {
      const sealed = await provisioner.seal(goldenImageId);

      expect(sealed).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), sizeBytes: expect.any(Number) });
      expect(await provisioner.seal(goldenImageId)).toEqual(sealed);
      expect(await provisioner.inspect({ kind: 'golden', id: goldenImageId })).toBeUndefined();
      expect(await listed({ kind: 'golden', id: goldenImageId })).toBeUndefined();
    });

    test('a sealed image outlives the destruction of the machine that it was installed on', async () => {
      await provisioner.destroy({ kind: 'golden', id: goldenImageId });

      await provisioner.destroy(await cloned());
    });

    test('a clone runs, is listed, and asked for again is left as it is', async () => {
      const spec = await world.cloneSpec(goldenImageId);
      const ref: MachineRef = { kind: 'vm', id: spec.id };

      const started = await provisioner.clone(spec);

      expect(started).toMatchObject({ engineId: expect.any(String), containerImage: spec.containerImage });
      expect(await provisioner.inspect(ref)).toMatchObject({ state: 'running' });
      expect((await listed(ref))?.machine?.state).toBe('running');
      expect(await provisioner.clone(spec)).toEqual(started);
      await provisioner.destroy(ref);
    });

    test('clones made at the same time are machines of their own', async () => {
      const refs = await Promise.all([cloned(), cloned(), cloned(), cloned()]);

      const machines = await Promise.all(refs.map((ref) => provisioner.inspect(ref)));

      expect(new Set(machines.map((machine) => machine?.engineId)).size).toBe(4);
      await Promise.all(refs.map((ref) => provisioner.destroy(ref)));
      for (const ref of refs) expect(await provisioner.inspect(ref)).toBeUndefined();
    });

    test('a destroyed machine is gone at once, and destroying it again is fine', async () => {
      const ref = await cloned();

      await provisioner.destroy(ref);

      expect(await provisioner.inspect(ref)).toBeUndefined();
      expect(await listed(ref)).toBeUndefined();
      await provisioner.destroy(ref);
    });

    test('what never was is not there, and destroying it is fine', async () => {
      const ref: MachineRef = { kind: 'vm', id: randomUUID() };

      expect(await provisioner.inspect(ref)).toBeUndefined();
      expect(await provisioner.answersRdp(ref.id)).toBe(false);
      await provisioner.destroy(ref);
      await provisioner.destroy({ kind: 'golden', id: randomUUID() });
    });

    test('a machine that ended shows how, until it is destroyed', async () => {
      const ref = await cloned();

      await world.crash(ref);

      const machine = await until(
        'the end is seen',
        async () => {
          const seen = await provisioner.inspect(ref);
          return seen?.state === 'exited' && seen;
        },
        LIMIT_MS,
      );
      expect(machine.exitCode).toBeGreaterThan(0);
      expect((await listed(ref))?.machine).toMatchObject({ state: 'exited', exitCode: machine.exitCode });
      expect(provisioner.explainExit(machine.exitCode ?? 0, { wasReady: false, isoUrl: false, log: [] })).toContain(
        String(machine.exitCode),
      );
      await provisioner.destroy(ref);
    });

    test.each([
      ['paused', { state: 'paused' }],
      ['disconnected', { state: 'running', disconnected: true }],
    ] as const)(
      'a machine that is %s shows so at once to who watches, lists and looks, until it is not so any more',
      async (misfortune, shown) => {
        const ref = await cloned();
        const well = { state: 'running' };
        const hints: string[] = [];
        const stop = provisioner.watch((hinted) => hints.push(hinted.id));
        const toldOf = async (on: boolean) => {
          hints.length = 0;
          await world.befall(ref, misfortune, on);
          return until('a hint', async () => hints.includes(ref.id), LIMIT_MS);
        };
        expect(await provisioner.inspect(ref)).toMatchObject(well);
        // The engine begins to tell some moments after it was asked to.
        for (let heard = false; !heard; heard = hints.length > 0) {
          await world.befall(ref, misfortune, true);
          await world.befall(ref, misfortune, false);
        }

        await toldOf(true);
        for (const seen of [await provisioner.inspect(ref), (await listed(ref))?.machine])
          expect(seen).toMatchObject(shown);
        expect(await provisioner.answersRdp(ref.id)).toBe(false);
        await toldOf(false);
        for (const seen of [await provisioner.inspect(ref), (await listed(ref))?.machine]) {
          expect(seen).toMatchObject(well);
          expect(seen?.disconnected).toBeFalsy();
        }

        await world.befall(ref, misfortune, true);
        await provisioner.destroy(ref);
        expect(await provisioner.inspect(ref)).toBeUndefined();
        stop();
      },
    );

    if (doubt) {
      test.each(['clone', 'install'] as const)(
        'what waits after %s is no start, says why however often it is asked, and starts when its time has come',
        async (how) => {
          const spec = how === 'clone' ? await world.cloneSpec(goldenImageId) : await world.installSpec();
          const ref: MachineRef = { kind: how === 'clone' ? 'vm' : 'golden', id: spec.id };
          const ask = () => ('isoUrl' in spec ? provisioner.install(spec, () => {}) : provisioner.clone(spec));
          world.doubt?.makeNextWait();

          const answer = await ask();

          if (!(answer instanceof Waiting)) throw new Error('it does not wait');
          expect(answer.reason).not.toBe('');
          expect(await ask()).toEqual(answer);
          const shown = { state: 'waiting', reason: answer.reason };
          expect(await provisioner.inspect(ref)).toMatchObject(shown);
          expect((await listed(ref))?.machine).toMatchObject(shown);
          await expect(provisioner.dial(ref, MACHINE_PORTS.web)).rejects.toThrow(Unavailable);
          world.doubt?.befall(ref, 'waiting', false);
          expect(await ask()).toHaveProperty('engineId');
          expect(await provisioner.inspect(ref)).toMatchObject({ state: 'running' });
          await provisioner.destroy(ref);
        },
      );

      test('what waits is destroyed like any other', async () => {
        world.doubt?.makeNextWait();
        const spec = await world.cloneSpec(goldenImageId);
        expect(await provisioner.clone(spec)).toBeInstanceOf(Waiting);

        await provisioner.destroy({ kind: 'vm', id: spec.id });

        expect(await listed({ kind: 'vm', id: spec.id })).toBeUndefined();
      });

      test('what is lost says why, is not made a second time, and is not said to be gone before that is known', async () => {
        const spec = await world.cloneSpec(goldenImageId);
        const ref: MachineRef = { kind: 'vm', id: spec.id };
        await provisioner.clone(spec);
        world.doubt?.befall(ref, 'lost', true);

        const shown = { state: 'lost', reason: expect.stringMatching(/./) };
        expect(await provisioner.inspect(ref)).toMatchObject(shown);
        expect(await provisioner.clone(spec)).toBeInstanceOf(Unavailable);
        await expect(provisioner.destroy(ref)).rejects.toThrow(Unavailable);
        expect((await listed(ref))?.machine).toMatchObject(shown);

        world.doubt?.befall(ref, 'lost', false);
        await provisioner.destroy(ref);
        expect(await listed(ref)).toBeUndefined();
      });
    }

    test('a machine whose disk was removed shows so, and is destroyed like any other', async () => {
      const ref = await cloned();
      expect((await provisioner.inspect(ref))?.diskGone).toBeFalsy();
      expect((await listed(ref))?.machine?.diskGone).toBeFalsy();

      await world.loseDisk(ref);

      expect(await provisioner.inspect(ref)).toMatchObject({ state: 'running', diskGone: true });
      expect((await listed(ref))?.machine).toMatchObject({ state: 'running', diskGone: true });
      await provisioner.destroy(ref);
      expect(await listed(ref)).toBeUndefined();
    });

    test('the end of what a machine printed is bounded, and what is not there printed nothing', async () => {
      const ref = await cloned();

      expect((await provisioner.logTail(ref, 3)).length).toBeLessThanOrEqual(3);

      await provisioner.destroy(ref);
      expect(await provisioner.logTail(ref, 3)).toEqual([]);
    });

    test('a guest that is up answers RDP', async () => {
      const ref = await cloned();

      await until('RDP answers', () => provisioner.answersRdp(ref.id), LIMIT_MS);

      await provisioner.destroy(ref);
      expect(await provisioner.answersRdp(ref.id)).toBe(false);
    });

    test('each endpoint that it has to give is a place of its own, and who has none is nowhere', () => {
      const ids = provisioner.allotment?.ids ?? [];
      expect(ids.length).toBeGreaterThan(1);
      const places = ids.flatMap((id) => {
        const there = provisioner.endpoints(id);
        return [there?.screen, there?.rdp].map((place) => `${place?.host}:${place?.port}`);
      });
      expect(new Set(places).size).toBe(2 * ids.length);
      expect(provisioner.endpoints(null)).toBeUndefined();
    });

    if (disks)
      test('a machine is reached where its endpoint says', async () => {
        const spec = await world.cloneSpec(goldenImageId);
        await provisioner.clone(spec);
        const { host, port } = provisioner.endpoints(spec.endpoint ?? null)?.rdp ?? { host: '', port: 0 };

        await until('RDP answers', () => answersRdp(() => dial(host, port)), LIMIT_MS);

        await provisioner.destroy({ kind: 'vm', id: spec.id });
        expect(await answersRdp(() => dial(host, port))).toBe(false);
      });

    test('no port of what is not there can be reached', async () => {
      const ref = await cloned();
      await provisioner.destroy(ref);

      for (const port of Object.values(MACHINE_PORTS))
        await expect(provisioner.dial(ref, port)).rejects.toThrow(Unavailable);
    });

    if (disks)
      test('the web server of a machine is reached', async () => {
        const ref = await cloned();

        const socket = await until(
          'it listens',
          () => provisioner.dial(ref, MACHINE_PORTS.web).catch(() => undefined),
          LIMIT_MS,
        );
        socket.end('GET / HTTP/1.0\r\n\r\n');
        expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.[01] [23]/);

        await provisioner.destroy(ref);
      });

    test('a machine shows its screen and takes keys and clicks, until it ends', async () => {
      const ref = await cloned();

      const shot = await until(
        'a picture',
        async () => {
          const answer = await provisioner.screenshot(ref);
          return !(answer instanceof Unavailable) && answer;
        },
        LIMIT_MS,
      );
      const { width, height } = shot;

      expect(decodePng(shot.png)).toMatchObject({ width, height });
      expect(Date.now() - shot.takenAt.getTime()).toBeLessThan(LIMIT_MS);
      expect(await provisioner.press(ref, [[0xffe3, 0x61], [0x62]])).toBeUndefined();
      expect(await provisioner.click(ref, { x: width - 1, y: height - 1, button: 'LEFT', count: 2 })).toBeUndefined();
      expect(await provisioner.click(ref, { x: width, y: 0, button: 'LEFT', count: 1 })).toMatchObject({
        code: 'INVALID_INPUT',
        field: 'x',
        fix: expect.stringContaining(`${width}x${height}`),
      });

      await world.crash(ref);
      await until('the end is seen', async () => (await provisioner.inspect(ref))?.state === 'exited', LIMIT_MS);
      const none = { code: 'UNAVAILABLE', part: 'screen' };
      expect(await provisioner.screenshot(ref)).toMatchObject(none);
      await provisioner.destroy(ref);
      expect(await provisioner.press(ref, [[0x61]])).toMatchObject(none);
      expect(await provisioner.click(ref, { x: 0, y: 0, button: 'LEFT', count: 1 })).toMatchObject(none);
    });

    test('an installation shows its screen', async () => {
      const ref = await installing();

      const shot = await until(
        'a picture',
        async () => {
          const answer = await provisioner.screenshot(ref);
          return !(answer instanceof Unavailable) && answer;
        },
        LIMIT_MS,
      );

      expect(shot.width * shot.height).toBeGreaterThan(0);
      await provisioner.destroy(ref);
    });

    test('without the QEMU guest agent it says how to get it', async () => {
      expect(await provisioner.qemuAgent(randomUUID())).toMatchObject({
        code: 'UNAVAILABLE',
        part: 'guest',
        fix: expect.stringContaining('VAPIORC_QEMU_AGENT'),
      });
    });

    test('who watches is hinted, until he stops', async () => {
      const hints: string[] = [];
      const stop = provisioner.watch((ref) => hints.push(ref.id));
      const ref = await until(
        'a hint',
        async () => {
          const next = await cloned();
          await world.crash(next);
          await provisioner.destroy(next);
          return hints.includes(next.id) && next;
        },
        LIMIT_MS,
      );
      expect(hints).toContain(ref.id);

      stop();
      hints.length = 0;
      await provisioner.destroy(await cloned());
      expect(hints).toEqual([]);
    });

    if (disks)
      test('no clone is made of an image that is not there', async () => {
        const spec = await world.cloneSpec(randomUUID());

        await expect(provisioner.clone(spec)).rejects.toThrow(Broken);
        expect(await provisioner.inspect({ kind: 'vm', id: spec.id })).toBeUndefined();
        expect(await listed({ kind: 'vm', id: spec.id })).toBeUndefined();
      });

    if (disks)
      test('no image is made of an installation that is not there', async () => {
        await expect(provisioner.seal(randomUUID())).rejects.toThrow(Broken);
      });

    test('a deleted image is gone, and deleting it again is fine', async () => {
      const { id } = await installing();
      await world.installed(id);
      await provisioner.seal(id);

      await provisioner.deleteGolden(id);
      await provisioner.deleteGolden(id);

      if (disks) await expect(provisioner.clone(await world.cloneSpec(id))).rejects.toThrow(Broken);
    });

    test('it is well, and takes one more', async () => {
      expect(await provisioner.health()).toMatchObject({ provisioner: { status: 'OK' }, storage: { status: 'OK' } });
      expect(await provisioner.admit({ kind: 'clone', cpuCores: 1, ramMiB: 512, diskGiB: 32 })).toBeUndefined();
    });
  });
}
