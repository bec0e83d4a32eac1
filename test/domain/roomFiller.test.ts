import { expect, test } from 'vitest';
import { roomFiller } from '../../src/domain/roomFiller.js';

const MIB = 2 ** 20;
const seen = (freeMiB: number, held: Record<string, number>) => ({
  freeBytes: freeMiB * MIB,
  held: new Map(Object.entries(held).map(([id, mib]) => [id, mib * MIB])),
});

test.each([
  ['one that grew', seen(1000, { a: 500, b: 100 }), seen(100, { a: 500, b: 1000 }), 'b'],
  ['the one that grew the most', seen(1000, { a: 100, b: 100 }), seen(100, { a: 400, b: 700 }), 'b'],
  ['one that came meanwhile', seen(1000, { a: 500 }), seen(100, { a: 500, b: 900 }), 'b'],
  ['one that took what another gave back', seen(100, { a: 500, b: 10 }), seen(100, { b: 510 }), 'b'],
  ['one that took half of it beside a stranger', seen(1000, { a: 0 }), seen(0, { a: 500 }), 'a'],
  ['nobody: a stranger took most', seen(1000, { a: 5000 }), seen(0, { a: 5200 }), undefined],
  ['nobody: a stranger took what a VM gave back', seen(100, { a: 500, b: 70 }), seen(100, { b: 140 }), undefined],
  ['nobody: none took much', seen(100, { a: 5000 }), seen(40, { a: 5060 }), undefined],
  ['nobody: there are none', seen(1000, {}), seen(0, {}), undefined],
])('what fills the disk is %s', (_who, before, now, vmId) => expect(roomFiller(before, now)?.vmId).toBe(vmId));
