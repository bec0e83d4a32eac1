import { PRICES } from '../../domain/prices.js';
import type { ImageLine as LineRow } from '../../generated/prisma/client.js';
import { nameArg } from '../args.js';
import { builder } from '../builder.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, pageByCreation, pageComplexity } from '../page.js';
import { GoldenImage, GoldenImageConnection, GoldenImageStatus } from './goldenImage.js';
import { Pool } from './pool.js';

const ImageLine = builder.node(builder.objectRef<LineRow>('ImageLine'), {
  description: 'Golden images that replace each other: all of one vmType, each the next version, one of them current.',
  id: { resolve: ({ name }) => name },
  loadMany: async (names, { read }) => {
    const found = await read((db) => db.imageLine.findMany({ where: { name: { in: names } } }));
    return names.map((name) => found.find((one) => one.name === name));
  },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, which never changes.' }),
    vmType: t.exposeString('vmType', { description: 'Windows version.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the line was made.' }),
    current: t.field({
      type: GoldenImage,
      nullable: true,
      description: 'The golden image that new spares of its pools are cloned from.',
      resolve: ({ id }, _args, { load }) => load.currentImage(id),
    }),
    versions: t.field({
      type: GoldenImageConnection,
      description: 'Its golden images, oldest first, deleted ones too.',
      args: {
        status: t.arg({ type: GoldenImageStatus, description: 'Only images in this status.' }),
        first: t.arg.int({ description: FIRST_DESCRIPTION }),
        after: t.arg.string({ description: AFTER_DESCRIPTION }),
      },
      complexity: pageComplexity,
      resolve: ({ id: lineId }, { status, ...args }, { read }) =>
        pageByCreation(args, ({ where, ...slice }) =>
          read((db) =>
            db.goldenImage.findMany({ where: { lineId, ...(status != null && { status }), ...where }, ...slice }),
          ),
        ),
    }),
    pools: t.field({
      type: [Pool],
      description: 'The pools that clone from it, by name.',
      complexity: { field: PRICES.value.points, multiplier: 20 },
      resolve: async ({ id }, _args, { load }) => (await load.poolsOfLine(id)) ?? [],
    }),
  }),
});

builder.objectFields(GoldenImage, (t) => ({
  line: t.field({
    type: ImageLine,
    nullable: true,
    description: 'The line that it is a version of.',
    resolve: ({ lineId }, _args, { load }) => load.line(lineId),
  }),
}));

builder.objectFields(Pool, (t) => ({
  line: t.field({
    type: ImageLine,
    nullable: true,
    description: 'The line that its VMs are cloned from.',
    resolve: ({ lineId }, _args, { load }) => load.line(lineId),
  }),
}));

builder.queryFields((t) => ({
  imageLine: t.field({
    type: ImageLine,
    nullable: true,
    description: 'The line of this name, or null: it comes into being with its first golden image.',
    args: { name: t.arg.string({ required: true, description: 'Name of the line.' }) },
    resolve: (_root, args, { read }) => {
      const name = nameArg('name', args.name);
      return read((db) => db.imageLine.findUnique({ where: { name } }));
    },
  }),
  imageLines: t.field({
    type: [ImageLine],
    description: 'All lines of golden images, by name.',
    complexity: { field: PRICES.read.points, multiplier: 20 },
    resolve: (_root, _args, { read }) => read((db) => db.imageLine.findMany({ orderBy: { name: 'asc' } })),
  }),
}));
