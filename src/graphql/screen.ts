import { clickScreen, type ScreenOf, sendKeys, takeScreenshot } from '../actions/screen.js';
import { InvalidInput as InvalidInputRefusal } from '../domain/errors.js';
import { shown } from '../domain/limit.js';
import { LIMITS } from '../domain/limits.js';
import { PRICES } from '../domain/prices.js';
import type { MouseButton as Button, ScreenRef, Screenshot as Shot } from '../domain/screen.js';
import { ID_DESCRIPTION } from './args.js';
import { builder } from './builder.js';
import { GoldenImage } from './goldenImage.js';
import { uuidOfNode } from './nodeId.js';
import { answer, Conflict, InvalidInput, NotFound, resultType, Unavailable } from './refusals.js';
import { Vm } from './vm.js';

const VM_DESCRIPTION = `A VM: its \`id\` or its bare UUID. Give this or goldenImageId.`;
const IMAGE_DESCRIPTION = `A golden image that is being installed: ${ID_DESCRIPTION.toLowerCase()} Give this or vmId.`;
const HOLDER_DESCRIPTION = 'Whom the VM must be assigned to; refused when it is another.';

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

const ScreenshotResult = builder.unionType('ScreenshotResult', {
  description: 'What screenshot answers.',
  types: [Screenshot, InvalidInput, NotFound, Conflict, Unavailable],
  resolveType: resultType('Screenshot'),
});

builder.queryField('screenshot', (t) =>
  t.field({
    type: ScreenshotResult,
    description:
      'What the screen of a machine shows now, without any help of its guest: of a VM that lives, whoever has it, or of an installation. For a golden image that is installed or failed: what its installation showed last.',
    complexity: PRICES.content.points,
    args: {
      vmId: t.arg.id({ description: VM_DESCRIPTION }),
      goldenImageId: t.arg.id({ description: IMAGE_DESCRIPTION }),
      assignedTo: t.arg.string({ description: HOLDER_DESCRIPTION }),
    },
    resolve: async (_root, args, context) =>
      answer(await onScreen(args, (of) => takeScreenshot(context, of)), (shot) => shot),
  }),
);

const MouseButton = builder.enumType('MouseButton', {
  description: 'A button of the mouse.',
  values: {
    LEFT: { description: 'The one that selects.' },
    MIDDLE: { description: 'The wheel.' },
    RIGHT: { description: 'The one that opens the menu of a thing.' },
  } satisfies Record<Button, { description: string }>,
});

const SendKeysInput = builder.inputType('SendKeysInput', {
  description: 'Which keys to press, on which machine.',
  fields: (t) => ({
    vmId: t.id({ description: VM_DESCRIPTION }),
    goldenImageId: t.id({ description: IMAGE_DESCRIPTION }),
    assignedTo: t.string({ description: HOLDER_DESCRIPTION }),
    keys: t.stringList({
      description: `Pressed one after the other, ${shown(LIMITS.keyChords)} at most: \`a\`, \`enter\`, \`f5\`, or several at once as \`ctrl+alt+delete\`, \`win+r\`, \`shift+tab\`.`,
    }),
    text: t.string({
      description: `Typed after the keys, ${shown(LIMITS.typedCharacters)} characters at most, as on a US keyboard; a line break is Enter. A guest with another keyboard layout reads other characters.`,
    }),
  }),
});

const ClickInput = builder.inputType('ClickInput', {
  description: 'Where to click, on which machine.',
  fields: (t) => ({
    vmId: t.id({ description: VM_DESCRIPTION }),
    goldenImageId: t.id({ description: IMAGE_DESCRIPTION }),
    assignedTo: t.string({ description: HOLDER_DESCRIPTION }),
    x: t.int({ required: true, description: 'Pixels from the left of the screenshot, from 0.' }),
    y: t.int({ required: true, description: 'Pixels from its top, from 0.' }),
    button: t.field({ type: MouseButton, required: true, defaultValue: 'LEFT', description: 'Which button.' }),
    count: t.int({ required: true, defaultValue: 1, description: '2 for a double click; 3 at most.' }),
  }),
});

const sendKeysResult = operation('SendKeys', 'The virtual keyboard has taken all of it.');
const clickResult = operation('Click', 'The virtual mouse has clicked.');

builder.mutationFields((t) => ({
  sendKeys: t.field({
    type: sendKeysResult,
    description:
      'Presses keys and types text on a VM that was handed out, or on an installation, without any help of its guest. Answers when the virtual keyboard has taken them, some 20 ms for each key.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: SendKeysInput, required: true, description: 'Which keys, on which machine.' }) },
    resolve: async (_root, { input }, context) =>
      answer(await onScreen(input, (of) => sendKeys(context, of, input)), (ref) => ref),
  }),
  click: t.field({
    type: clickResult,
    description: 'Clicks on a VM that was handed out, or on an installation, without any help of its guest.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: ClickInput, required: true, description: 'Where, on which machine.' }) },
    resolve: async (_root, { input }, context) =>
      answer(await onScreen(input, (of) => clickScreen(context, of, input)), (ref) => ref),
  }),
}));

/** The payload and the result of what is done at a machine's keyboard or mouse. */
function operation(title: 'SendKeys' | 'Click', description: string) {
  const Payload = builder.objectRef<ScreenRef>(`${title}Payload`).implement({
    description,
    fields: (t) => ({
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
    }),
  });
  return builder.unionType(`${title}Result`, {
    description: `What ${title === 'Click' ? 'click' : 'sendKeys'} answers.`,
    types: [Payload, InvalidInput, NotFound, Conflict, Unavailable],
    resolveType: resultType(`${title}Payload`),
  });
}

interface Named {
  vmId?: string | null | undefined;
  goldenImageId?: string | null | undefined;
  assignedTo?: string | null | undefined;
}

/** Runs a command on the machine that was named; just one must be. */
async function onScreen<Result>(
  { vmId, goldenImageId, assignedTo }: Named,
  command: (of: ScreenOf) => Promise<Result>,
): Promise<Result | InvalidInputRefusal> {
  if (vmId != null && goldenImageId == null) {
    const id = uuidOfNode('Vm', 'vmId', vmId);
    return id instanceof InvalidInputRefusal ? id : command({ vmId: id, assignedTo });
  }
  if (goldenImageId != null && vmId == null) {
    const id = uuidOfNode('GoldenImage', 'goldenImageId', goldenImageId);
    return id instanceof InvalidInputRefusal ? id : command({ goldenImageId: id });
  }
  const both = vmId != null;
  return new InvalidInputRefusal(
    'vmId',
    vmId ?? '',
    `Give ${both ? 'only one of' : 'either'} vmId ${both ? 'and' : 'or'} goldenImageId.`,
  );
}
