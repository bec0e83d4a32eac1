import { NotFound } from '../../domain/errors.js';
import { ID_DESCRIPTION, idArg } from '../args.js';
import { builder } from '../builder.js';
import { changes, present } from '../changes.js';
import { notFound } from '../errors.js';
import { GoldenImage } from './goldenImage.js';

builder.subscriptionField('goldenImageProgress', (t) =>
  t.field({
    type: GoldenImage,
    description:
      'The golden image as it is, then as it is after each step of its making. Steps that come fast are told as one. Completes when it is READY, FAILED, RETIRED or DELETED.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    subscribe: async (_root, args, context) => {
      const id = idArg('GoldenImage', 'id', args.id);
      const isOver = async () => {
        const status = (await context.load.goldenImage(id))?.status;
        return status !== 'REQUESTED' && status !== 'INSTALLING' && status !== 'SEALING';
      };
      if ((await context.load.goldenImage(id)) === undefined) throw notFound(new NotFound('golden image', args.id));
      return changes(context, { goldenImageId: id }, [id], (event) => event.goldenImageId, isOver);
    },
    resolve: async (id, _args, { load }) => present(await load.goldenImage(id)),
  }),
);
