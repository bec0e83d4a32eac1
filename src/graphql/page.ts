import { first, PAGE_ITEMS } from '../actions/fields.js';
import { parseField } from '../actions/parseInput.js';
import { IN_TURN } from '../db/queue.js';
import { InvalidInput } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { PRICES } from '../domain/prices.js';
import { accepted, badUserInput } from './errors.js';

const FIRST = first();
export const FIRST_DESCRIPTION = FIRST.description ?? '';
export const AFTER_DESCRIPTION = 'Cursor of the item before the page: the `endCursor` of the page before.';

export interface PageArgs {
  first?: number | null | undefined;
  after?: string | null | undefined;
}

export interface Page<Node> {
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

/** @throws GraphQLError  `first` is negative. */
export function pageSize(first: number | null | undefined): number {
  return accepted(parseField('first', FIRST, first ?? undefined));
}

/** What a page may cost: its rows, each with all that is selected beneath. */
export function pageComplexity({ first }: { first?: number | null | undefined }): {
  field: number;
  multiplier: number;
} {
  return {
    field: PRICES.read.points,
    multiplier: Math.min(Math.max(first ?? PAGE_ITEMS, 1), LIMITS.pageItems.value),
  };
}

/** Of `rows`, read with one more than the page holds, so that it is known whether there is a next page. */
export function pageOf<Row>(
  rows: readonly Row[],
  size: number,
  isFirst: boolean,
  cursorOf: (row: Row) => string,
): Page<Row> {
  const edges = rows.slice(0, size).map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > size,
      hasPreviousPage: !isFirst,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

interface Created {
  id: string;
  createdAt: Date;
}

/** Rows after a place in the order of creation, as Prisma takes it. */
interface CreatedAfter {
  createdAt?: { gte: Date };
  OR?: [{ createdAt: { gt: Date } }, { createdAt: Date; id: { gt: string } }];
}

/** What `read` is to use, all of it. */
interface Slice {
  where: CreatedAfter;
  orderBy: [{ createdAt: 'asc' }, { id: 'asc' }];
  take: number;
}

/**
 * A page in the order (createdAt, id), oldest first. The cursor is the place itself, not a row count: rows that come or go
 * between two pages neither double nor hide others.
 * @throws GraphQLError  `after` is not a cursor of such a list, or `first` is negative.
 */
export async function pageByCreation<Row extends Created>(
  args: PageArgs,
  read: (slice: Slice) => Promise<Row[]>,
): Promise<Page<Row>> {
  const size = pageSize(args.first);
  const after = args.after == null ? undefined : parseCursor(args.after);
  const rows = await read({
    where: after === undefined ? {} : createdAfter(after),
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    take: size + 1,
  });
  return pageOf(rows, size, after === undefined, cursorOf);
}

/** The first condition follows from the second; with it Postgres can walk the index from there. */
function createdAfter({ createdAt, id }: Created): CreatedAfter {
  return { createdAt: { gte: createdAt }, OR: [{ createdAt: { gt: createdAt } }, { createdAt, id: { gt: id } }] };
}

/** What `read` is to use of rows in their turn, all of it. */
interface Turns {
  where: { turn?: { gt: bigint } };
  orderBy: typeof IN_TURN;
  take: number;
}

/** A page in the order of the queue. @throws GraphQLError  as `pageByCreation` does. */
export async function pageByTurn<Row extends { turn: bigint }>(
  args: PageArgs,
  read: (slice: Turns) => Promise<Row[]>,
): Promise<Page<Row>> {
  const size = pageSize(args.first);
  const after = args.after == null ? undefined : parseTurn(args.after);
  const rows = await read({
    where: after === undefined ? {} : { turn: { gt: after } },
    orderBy: IN_TURN,
    take: size + 1,
  });
  return pageOf(rows, size, after === undefined, ({ turn }) => Buffer.from(`turn:${turn}`).toString('base64url'));
}

function parseTurn(given: string): bigint {
  const [, turn] = /^turn:(\d{1,18})$/.exec(Buffer.from(given, 'base64url').toString()) ?? [];
  if (turn === undefined) throw notACursor(given);
  return BigInt(turn);
}

function cursorOf({ createdAt, id }: Created): string {
  return Buffer.from(`${createdAt.getTime()}:${id}`).toString('base64url');
}

function parseCursor(given: string): Created {
  const [, ms, id] =
    /^(\d{1,15}):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(Buffer.from(given, 'base64url').toString()) ?? [];
  if (ms === undefined || id === undefined) throw notACursor(given);
  return { createdAt: new Date(Number(ms)), id };
}

const notACursor = (given: string) =>
  badUserInput(new InvalidInput('after', given, 'Give a `cursor` or the `endCursor` of a page of this list.'));
