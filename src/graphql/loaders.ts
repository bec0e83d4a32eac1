import type { Assignment } from '../db/assignments.js';
import { countClaimable } from '../db/claim.js';
import type { Db } from '../db/client.js';
import { type Command, type CommandOutput, outputOf } from '../db/commands.js';
import { type Guest, guestsOf } from '../db/guests.js';
import type { GoldenImage } from '../db/images.js';
import { estimatesOf } from '../db/installDurations.js';
import { countWaiting, queuePositions } from '../db/queue.js';
import type { Read } from '../db/reads.js';
import type { Vm } from '../db/vms.js';
import type { VmStatus } from '../domain/vm.js';
import type { ImageLine, Pool } from '../generated/prisma/client.js';
import { batched } from './batched.js';

/** VMs of one pool that may still hold a container or a disk. */
export interface PoolCounts {
  byStatus: Partial<Record<VmStatus, number>>;
  /** READY, in nobody's hands and seen alive lately: the next assignVm gets one of these at once. */
  readySpares: number;
}

type Load<Value> = (key: string) => Promise<Value | undefined>;

/** Reads of single rows, gathered into one query for all that a turn of the resolvers asks for. */
export interface Loaders {
  vm: Load<Vm>;
  goldenImage: Load<GoldenImage>;
  assignment: Load<Assignment>;
  command: Load<Command>;
  /** By VM. */
  guest: Load<Guest>;
  /** By command. */
  commandOutput: Load<CommandOutput>;
  /** The one that holds this VM now. */
  assignmentOfVm: Load<Assignment>;
  pool: Load<Pool>;
  /** By pool, as the following. */
  poolCounts: Load<PoolCounts>;
  queued: Load<number>;
  line: Load<ImageLine>;
  /** By line, in the order of their names. */
  poolsOfLine: Load<Pool[]>;
  /** By line. */
  currentImage: Load<GoldenImage>;
  /** By golden image. */
  estimatedReadyAt: Load<Date>;
  /** By assignment: from 1, of those that wait for the same pool. */
  queuePosition: Load<number>;
}

export function createLoaders(read: Read): Loaders {
  const many = <Value>(query: (db: Db, keys: string[]) => Promise<ReadonlyMap<string, Value>>) =>
    batched((keys) => read((db) => query(db, keys)));
  return {
    vm: many(async (db, ids) => byId(await db.vm.findMany({ where: { id: { in: ids } } }))),
    goldenImage: many(async (db, ids) => byId(await db.goldenImage.findMany({ where: { id: { in: ids } } }))),
    assignment: many(async (db, ids) => byId(await db.assignment.findMany({ where: { id: { in: ids } } }))),
    command: many(async (db, ids) => byId(await db.command.findMany({ where: { id: { in: ids } } }))),
    guest: many(guestsOf),
    commandOutput: many(outputOf),
    assignmentOfVm: many(async (db, vmIds) => {
      const holding = await db.assignment.findMany({ where: { vmId: { in: vmIds }, status: 'FULFILLED' } });
      return new Map(holding.map((assignment) => [assignment.vmId ?? '', assignment]));
    }),
    pool: many(async (db, ids) => byId(await db.pool.findMany({ where: { id: { in: ids } } }))),
    poolCounts: many(countVms),
    queued: many(countWaiting),
    line: many(async (db, ids) => byId(await db.imageLine.findMany({ where: { id: { in: ids } } }))),
    poolsOfLine: many(async (db, lineIds) => {
      const pools = await db.pool.findMany({ where: { lineId: { in: lineIds } }, orderBy: { name: 'asc' } });
      return new Map(lineIds.map((id) => [id, pools.filter(({ lineId }) => lineId === id)]));
    }),
    currentImage: many(async (db, lineIds) => {
      const current = await db.goldenImage.findMany({ where: { lineId: { in: lineIds }, current: true } });
      return new Map(current.map((image) => [image.lineId, image]));
    }),
    estimatedReadyAt: many(estimatesOf),
    queuePosition: many(queuePositions),
  };
}

const byId = <Row extends { id: string }>(rows: Row[]) => new Map(rows.map((row) => [row.id, row]));

async function countVms(db: Db, poolIds: string[]): Promise<Map<string, PoolCounts>> {
  const [groups, spares] = await Promise.all([
    db.vm.groupBy({
      by: ['poolId', 'status'],
      where: { poolId: { in: poolIds }, cleanedAt: null },
      _count: true,
    }),
    countClaimable(db, poolIds),
  ]);
  const counts = new Map<string, PoolCounts>(
    spares.map(({ poolId, readySpares }) => [poolId, { byStatus: {}, readySpares }]),
  );
  for (const { poolId, status, _count } of groups) {
    const pool = counts.get(poolId);
    if (pool !== undefined) pool.byStatus[status] = _count;
  }
  return counts;
}
