import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lead, NotLeading } from '../../src/domain/lead.js';
import { aDockerHost, type DockerHost, docker } from './aDockerHost.js';

/**
 * A lead is confirmed, the process is frozen, another server takes over and does the same work, the process wakes: what it then does is
 * late. So at each confirmation in turn another provisioner does the whole of it.
 */
let host: DockerHost;
let goldenImageId: string;
beforeAll(async () => {
  host = await aDockerHost();
  goldenImageId = await host.aGolden();
});
afterAll(() => host?.remove());

const MOST = 12;

/** The n-th confirmation is the last one; right behind it `meanwhile` happens. */
function frozenAt(n: number, meanwhile: () => Promise<void>): Lead {
  let asked = 0;
  return {
    term: 1n,
    confirm: async () => {
      if (++asked > n) throw new NotLeading(1n);
      if (asked === n) await meanwhile();
    },
  };
}

/** Runs `work` once for each confirmation that it asks for. Answers how many there are. */
async function atEach(run: (n: number) => Promise<boolean>): Promise<number> {
  for (let n = 1; n <= MOST; n++) if (!(await run(n))) return n - 1;
  throw new Error(`more than ${MOST} confirmations`);
}

test('a clone that is late leaves the other server’s VM as it is, at whatever point', {
  timeout: 180_000,
}, async () => {
  const confirmations = await atEach(async (n) => {
    const spec = await host.cloneSpec(goldenImageId);
    const ref = { kind: 'vm', id: spec.id } as const;
    const name = `vapiorc_vm_${spec.id}`;
    let theirs: string | undefined;
    const lead = frozenAt(n, async () => {
      // Its own try began by then, or not: the other one cleans up what it finds of it.
      expect(await host.provisioner.clone(spec)).toHaveProperty('engineId');
      expect(await host.ask(ref, 'write note kept')).toBe('ok');
      theirs = (await docker.getContainer(name).inspect()).Id;
    });

    await host
      .another()
      .lead(lead)
      .clone(spec)
      .catch(() => {});

    const { Id, State } = await docker.getContainer(name).inspect();
    expect(State.Running).toBe(true);
    if (theirs !== undefined) expect(Id).toBe(theirs);
    if (theirs !== undefined) expect(await host.ask(ref, 'read note')).toBe('ok kept');
    await host.provisioner.destroy(ref);
    expect(await host.provisioner.list()).toEqual([]);
    return theirs !== undefined;
  });
  expect(confirmations).toBeGreaterThanOrEqual(4); // the place is cleared, the disk put there, the container made and started
});

test('an installation that is late leaves the other server’s as it is', { timeout: 180_000 }, async () => {
  const confirmations = await atEach(async (n) => {
    const spec = await host.installSpec();
    const ref = { kind: 'golden', id: spec.id } as const;
    const name = `vapiorc_golden_${spec.id}`;
    let theirs: string | undefined;
    const lead = frozenAt(n, async () => {
      expect(await host.provisioner.install(spec, () => {})).toHaveProperty('engineId');
      theirs = (await docker.getContainer(name).inspect()).Id;
    });

    await host
      .another()
      .lead(lead)
      .install(spec, () => {})
      .catch(() => {});

    const { Id, State } = await docker.getContainer(name).inspect();
    expect(State.Running).toBe(true);
    if (theirs !== undefined) expect(Id).toBe(theirs);
    await host.ask(ref, 'read .stage');
    if (theirs !== undefined) expect(await host.provisioner.seal(spec.id)).toHaveProperty('sha256');
    await host.provisioner.destroy(ref);
    await host.provisioner.deleteGolden(spec.id);
    expect(await host.provisioner.list()).toEqual([]);
    return theirs !== undefined;
  });
  expect(confirmations).toBeGreaterThanOrEqual(4);
});

test('a seal that is late leaves the golden image that the other server made', { timeout: 180_000 }, async () => {
  const confirmations = await atEach(async (n) => {
    const spec = await host.installSpec();
    await host.provisioner.install(spec, () => {});
    await host.ask({ kind: 'golden', id: spec.id }, 'read .stage');
    let theirs: object | undefined;
    const lead = frozenAt(n, async () => {
      theirs = await host.provisioner.seal(spec.id);
    });

    const mine = await host
      .another()
      .lead(lead)
      .seal(spec.id)
      .catch(() => undefined);

    const sealed = await host.provisioner.seal(spec.id);
    expect(sealed).toHaveProperty('sha256');
    if (theirs !== undefined) expect(sealed).toEqual(theirs);
    else expect(sealed).toEqual(mine);
    const clone = await host.cloneSpec(spec.id);
    expect(await host.provisioner.clone(clone)).toHaveProperty('engineId');
    expect(await host.ask({ kind: 'vm', id: clone.id }, 'read .stage')).toBe('ok complete');
    await host.provisioner.destroy({ kind: 'vm', id: clone.id });
    await host.provisioner.deleteGolden(spec.id);
    expect(await host.provisioner.list()).toEqual([]);
    return theirs !== undefined;
  });
  expect(confirmations).toBeGreaterThanOrEqual(4); // it is stopped, taken, published, its container removed
});
