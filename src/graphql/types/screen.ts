import { click } from '../../actions/screen/click.js';
import { screenshot } from '../../actions/screen/screenshot.js';
import { sendKeys } from '../../actions/screen/sendKeys.js';
import { PRICES } from '../../domain/prices.js';
import type { MouseButton as Button, Screenshot as Shot } from '../../domain/screen.js';
import { builder } from '../builder.js';
import { type MutationEdge, mutation, query } from '../verbs.js';
import { GoldenImage } from './goldenImage.js';
import { Vm } from './vm.js';

const Screenshot = builder.objectRef<Shot>('Screenshot').implement({
  description: 'What a screen showed.',
  fields: (t) => ({
    takenAt: t.expose('takenAt', { type: 'DateTime', description: 'When it showed that.' }),
    width: t.exposeInt('width', { description: 'Pixels from left to right.' }),
    height: t.exposeInt('height', { description: 'Pixels from top to bottom.' }),
    png: t.string({
      complexity: PRICES.content.points,
      description: 'The picture as PNG, in base64.',
      resolve: ({ png }) => Buffer.from(png).toString('base64'),
    }),
  }),
});

query(screenshot, { type: Screenshot, complexity: PRICES.content.points });

const MouseButton = builder.enumType('MouseButton', {
  description: 'A button of the mouse.',
  values: {
    LEFT: { description: 'The one that selects.' },
    MIDDLE: { description: 'The wheel.' },
    RIGHT: { description: 'The one that opens the menu of a thing.' },
  } satisfies Record<Button, { description: string }>,
});

/** The machine that took it. */
const machine: MutationEdge<typeof sendKeys | typeof click>['fields'] = (t) => ({
  vm: t.field({
    type: Vm,
    nullable: true,
    description: 'The VM; null for an installation.',
    resolve: ({ kind, id }, _args, { load }) => (kind === 'vm' ? load.vm(id) : null),
  }),
  goldenImage: t.field({
    type: GoldenImage,
    nullable: true,
    description: 'The golden image; null for a VM.',
    resolve: ({ kind, id }, _args, { load }) => (kind === 'golden' ? load.goldenImage(id) : null),
  }),
});

mutation(sendKeys, { payload: 'The virtual keyboard has taken all of it.', fields: machine });
mutation(click, { payload: 'The virtual mouse has clicked.', enums: { button: MouseButton }, fields: machine });
