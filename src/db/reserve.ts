import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../domain/errors.js';
import type { PartHealth } from '../domain/health.js';
import type { Logger } from '../log.js';
import { inMiB } from '../primitives/inMiB.js';
import { mountPoint } from '../primitives/mountPoint.js';
import { probeDisk } from '../primitives/probeDisk.js';
import { BALLAST_BYTES, Ballast, FILE_BYTES } from './ballast.js';
import { databaseAway } from './databaseAway.js';
import { isDiskFull } from './diskFull.js';

const MIB = 2 ** 20;
/** With less left than this Postgres can't begin the next segment of its log, and ends. */
const FULL_BYTES = 20 * MIB;
/** Left free when the reserve is made again: else it would take what was just freed, and be given up again. */
const SPARE_BYTES = BALLAST_BYTES;
const LOOK_MS = 2_000;
/** A database that ended for want of room recovers in this time. */
const RECOVERY_MS = 15_000;
const HEALTH_LIMIT_MS = 3_000;
const REST_MS = 60_000;
const ONLY_ROOM = 'only what makes room is done, such as releasing VMs and deleting golden images';

/**
 * Room on the disk of the embedded database that is kept for what makes room. Releasing a VM is a write too: on a full disk nothing
 * could be let go, and so nothing would ever become free.
 *
 * Files beside the data hold it (ballast.ts). A write that makes room and finds none (`relieve`) has one of them removed, and is tried
 * again. From then on nothing else is written (`refusal`), so that it is not used up by what needs room. When there is room again, with
 * some to spare, the files are made again and all goes on.
 */
export class Reserve {
  readonly #ballast: Ballast;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #examining: Promise<PartHealth> | undefined;
  /** Not made again before: the disk took less than it seemed to have room for, as with a quota. */
  #restUntil = 0;
  /** One at a time: of many writes that fail together the first makes room for all. */
  #giving: Promise<unknown> = Promise.resolve();
  #givenAt = Number.NEGATIVE_INFINITY;
  /** Bytes that are missing for all to go on, as last seen. */
  #missing = 0;

  constructor(
    readonly options: {
      /** The folder that the data's own is in. */
      home: string;
      /** Whether the database answers now. */
      answers: () => Promise<boolean>;
      log: Logger;
    },
  ) {
    this.#ballast = new Ballast(join(options.home, 'reserve'));
  }

  /** Knows how much is there when it returns; what is missing is made in the background. */
  async start(): Promise<void> {
    await this.#note();
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    }, LOOK_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped.abort();
    await this.#looking;
  }

  /** Why only what makes room is written now; undefined: all is. */
  refusal(): Unavailable | undefined {
    return this.#missing === 0 ? undefined : this.#full(this.#missing);
  }

  /** In place of the failure of a write that found no room, and may not use the reserve. Undefined: it failed by something else. */
  async refusalOf(err: unknown): Promise<Unavailable | undefined> {
    return isDiskFull(err) ? this.#full(Math.max(SPARE_BYTES - (await this.#freeBytes()), FULL_BYTES)) : undefined;
  }

  /**
   * After a write that makes room has failed, `since` when it was begun. True: try again, there is more room now. False: it failed by
   * something else, or nothing is left to give.
   */
  relieve(err: unknown, since: number): Promise<boolean> {
    const one = this.#giving.then(() => this.#relieve(err, since));
    this.#giving = one.catch(() => undefined);
    return one;
  }

  /** Gives up a part where Postgres could not begin its log. True: it did. */
  async relieveIfFull(): Promise<boolean> {
    return (await this.#isFull()) && this.#giveUp('Postgres does not start');
  }

  /** Writes for real. Never throws, answers within 3 s. */
  async health(): Promise<PartHealth> {
    // One at a time: where a disk hangs, each that waits for it takes a thread from all.
    this.#examining ??= this.#examine().finally(() => {
      this.#examining = undefined;
    });
    const inTime = new AbortController();
    const late: PartHealth = {
      status: 'DOWN',
      message: `the disk of the database took no write within ${HEALTH_LIMIT_MS / 1000} s: look at that disk`,
    };
    try {
      return await Promise.race([this.#examining, sleep(HEALTH_LIMIT_MS, late, { signal: inTime.signal })]);
    } finally {
      inTime.abort();
    }
  }

  async #examine(): Promise<PartHealth> {
    const { home } = this.options;
    try {
      await probeDisk(home).catch((err: unknown) => {
        if (!lacksRoom(err)) throw err;
      });
      await this.#note();
      const freeBytes = await this.#freeBytes();
      const left = `${inMiB(freeBytes)} left on the disk of the database (mounted at ${await mountPoint(home)})`;
      if (this.#missing > 0) {
        const held = await this.#ballast.held();
        return {
          status: 'DEGRADED',
          message: `${left}: ${ONLY_ROOM}, from a reserve of which ${inMiB(held)} of ${inMiB(BALLAST_BYTES)} are left. ${this.#fix(this.#missing)}`,
        };
      }
      if (freeBytes >= SPARE_BYTES) return { status: 'OK', message: left };
      if (freeBytes < FULL_BYTES) {
        const fix = this.#fix(SPARE_BYTES - freeBytes);
        return { status: 'DEGRADED', message: `${left}: it is full, ${ONLY_ROOM}, from a reserve. ${fix}` };
      }
      return {
        status: 'DEGRADED',
        message: `${left}. When it is full only what makes room is done, from a reserve of ${inMiB(BALLAST_BYTES)}: free space there`,
      };
    } catch (err) {
      const { message } = err as Error;
      return { status: 'DOWN', message: `the disk of the database can not be written to: ${message}` };
    }
  }

  #full(missing: number): Unavailable {
    return new Unavailable('database', `the disk of the database is full: ${ONLY_ROOM}`, this.#fix(missing));
  }

  #fix(missing: number): string {
    return `Free ${inMiB(missing)} more in ${this.options.home}: release VMs, delete golden images, or remove what else fills that disk. All goes on by itself then.`;
  }

  async #relieve(err: unknown, since: number): Promise<boolean> {
    const isFull = isDiskFull(err);
    if (!isFull && databaseAway(err) === undefined) return false;
    // Another one's failure made room since this one began.
    const given = this.#givenAt > since;
    if (!given && (isFull || (await this.#isFull())) && !(await this.#giveUp(String(err)))) return false;
    if (performance.now() - this.#givenAt > RECOVERY_MS) return false;
    // It may have ended for want of room. Then it recovers first, or is started again.
    for (const end = performance.now() + RECOVERY_MS; performance.now() < end; await sleep(100))
      if (await this.options.answers()) return true;
    return false;
  }

  /** As much as it takes: of what is freed on ext4 the first goes to what it keeps for root, where that was taken. */
  async #giveUp(why: string): Promise<boolean> {
    const { log } = this.options;
    let bytes = 0;
    while ((bytes === 0 || (await this.#isFull())) && (await this.#ballast.drop())) bytes += FILE_BYTES;
    await this.#note();
    const facts = { dir: this.#ballast.folder, bytes, leftBytes: await this.#ballast.held(), why };
    if (bytes === 0) log.error(facts, 'the disk of the database is full, and nothing of its reserve is left');
    else log.warn(facts, 'the disk of the database is full: a part of its reserve is given up for what makes room');
    if (bytes > 0) this.#givenAt = performance.now();
    return bytes > 0;
  }

  /** What is missing now. A reserve that was not made yet, on a disk with room for it, is not missing. */
  async #note(): Promise<void> {
    const [held, freeBytes] = await Promise.all([this.#ballast.held(), this.#freeBytes()]);
    const wanted = BALLAST_BYTES - held;
    const missing = wanted === 0 ? 0 : Math.max(0, wanted + SPARE_BYTES - freeBytes);
    if (this.#missing > 0 && missing === 0 && wanted > 0) return; // not before it is made again
    this.#missing = missing;
  }

  async #look(): Promise<void> {
    const { log } = this.options;
    try {
      const before = this.#missing;
      await this.#note();
      while (performance.now() >= this.#restUntil) {
        const wanted = BALLAST_BYTES - (await this.#ballast.held());
        if (wanted === 0 || (await this.#freeBytes()) < wanted + SPARE_BYTES) break;
        await this.#ballast.add(this.#stopped.signal);
      }
      await this.#note();
      if (before > 0 && this.#missing === 0)
        log.info({ dir: this.#ballast.folder }, 'there is room again: all is written again');
    } catch (err) {
      if (this.#stopped.signal.aborted) return;
      this.#restUntil = performance.now() + REST_MS;
      if (lacksRoom(err)) this.#missing = BALLAST_BYTES;
      log.warn(
        { err, dir: this.#ballast.folder },
        'the reserve of the database could not be made; tried again in a minute',
      );
    }
  }

  /** As the user of Postgres has it: root may write on where others can't. */
  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.options.home);
    return bavail * bsize;
  }

  async #isFull(): Promise<boolean> {
    return (await this.#freeBytes()) < FULL_BYTES;
  }
}

function lacksRoom(err: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((err as NodeJS.ErrnoException).code ?? '');
}
