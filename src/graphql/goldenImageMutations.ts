import {
  deleteGoldenImage,
  markGoldenImageReady,
  promoteGoldenImage,
  retireGoldenImage,
} from '../actions/changeGoldenImage.js';
import { createGoldenImage } from '../actions/createGoldenImage.js';
import type { GoldenImage as ImageRow } from '../db/images.js';
import { PRICES } from '../domain/prices.js';
import { ID_DESCRIPTION } from './args.js';
import { builder } from './builder.js';
import { GoldenImage } from './goldenImage.js';
import {
  answer,
  CapacityExhausted,
  Conflict,
  InvalidInput,
  NotFound,
  onNode,
  resultType,
  Unavailable,
} from './refusals.js';

interface Payload {
  goldenImage: ImageRow;
}

const CreateGoldenImagePayload = builder.objectRef<Payload>('CreateGoldenImagePayload').implement({
  description: 'The golden image was asked for.',
  fields: (t) => ({
    goldenImage: t.expose('goldenImage', { type: GoldenImage, description: 'The new golden image, REQUESTED.' }),
  }),
});

const CreateGoldenImageResult = builder.unionType('CreateGoldenImageResult', {
  description: 'What createGoldenImage answers.',
  types: [CreateGoldenImagePayload, InvalidInput, NotFound, Conflict, CapacityExhausted, Unavailable],
  resolveType: resultType('CreateGoldenImagePayload'),
});

const CreateGoldenImageInput = builder.inputType('CreateGoldenImageInput', {
  description: 'What to install. What is left out is taken from the configuration.',
  fields: (t) => ({
    vmType: t.string({
      description:
        'Windows version, such as `11` or `2022`; `win11` is understood too. Left out: that of the line, or `11`.',
    }),
    line: t.string({
      description:
        'Name of the line that it is the next version of; a new name makes a line. Left out: that of the vmType, which bears its name.',
    }),
    name: t.string({ description: 'Name for people; made from the vmType when it is not given.' }),
    cpuCores: t.int({ description: 'Virtual processors.' }),
    ramMiB: t.int({ description: 'Memory that Windows sees, in MiB.' }),
    diskGiB: t.int({ description: 'Size of the disk as Windows sees it, in GiB. It grows as it is written to.' }),
    language: t.string({
      description: 'Language of Windows, by name or code as the guest image knows it: `en`, `German`, `fr-FR`.',
    }),
    isoUrl: t.string({
      description:
        'Own installation medium, an http or https URL. Not of a loopback or link-local address, nor in the network of the VMs, unless VAPIORC_ISO_HOSTS allows it.',
    }),
    oemBundle: t.string({
      description:
        'Name of a bundle of your own files; its `*.bat`, `*.cmd`, `*.reg` and `*.msi` are run in Windows. See putOemFile.',
    }),
  }),
});

builder.mutationField('createGoldenImage', (t) =>
  t.field({
    type: CreateGoldenImageResult,
    description:
      'Asks for a new golden image, the next version of its line. Windows is then installed, in about half an hour: see goldenImageProgress.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: CreateGoldenImageInput, required: true, description: 'What to install.' }) },
    resolve: async (_root, { input }, context) => {
      const given = {
        vmType: input.vmType ?? undefined,
        line: input.line ?? undefined,
        name: input.name ?? undefined,
        cpuCores: input.cpuCores ?? undefined,
        ramMiB: input.ramMiB ?? undefined,
        diskGiB: input.diskGiB ?? undefined,
        language: input.language ?? undefined,
        isoUrl: input.isoUrl ?? undefined,
        oemBundle: input.oemBundle ?? undefined,
      };
      return answer(await createGoldenImage(context, given), (goldenImage) => ({ goldenImage }));
    },
  }),
);

/** The four that take an id, move the image on and answer it. */
const commands = { markGoldenImageReady, promoteGoldenImage, retireGoldenImage, deleteGoldenImage };

function changeOfImage(name: keyof typeof commands, description: string): void {
  const command = commands[name];
  const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const PayloadType = builder.objectRef<Payload>(`${title}Payload`).implement({
    description: 'It was done, or had been before.',
    fields: (t) => ({
      goldenImage: t.expose('goldenImage', { type: GoldenImage, description: 'The golden image as it is now.' }),
    }),
  });
  const Result = builder.unionType(`${title}Result`, {
    description: `What ${name} answers.`,
    types: [PayloadType, InvalidInput, NotFound, Conflict],
    resolveType: resultType(`${title}Payload`),
  });
  const Input = builder.inputType(`${title}Input`, {
    description: 'Which golden image.',
    fields: (t) => ({ id: t.id({ required: true, description: ID_DESCRIPTION }) }),
  });
  builder.mutationField(name, (t) =>
    t.field({
      type: Result,
      description,
      complexity: PRICES.change.points,
      args: { input: t.arg({ type: Input, required: true, description: 'Which golden image.' }) },
      resolve: async (_root, { input }, context) => {
        const result = await onNode('GoldenImage', input.id, (id) => command(context, { id }));
        return answer(result, (goldenImage) => ({ goldenImage }));
      },
    }),
  );
}

changeOfImage(
  'markGoldenImageReady',
  'Says by hand that Windows is installed: the image is shut down, checked and sealed. Not needed where the guest reports it itself.',
);
changeOfImage(
  'promoteGoldenImage',
  'Makes this image the one that new spares use. Older spares are replaced as new ones become ready.',
);
changeOfImage(
  'retireGoldenImage',
  'Takes the image out of use: no new clones, its spares go, VMs that are assigned stay until they are released.',
);
changeOfImage(
  'deleteGoldenImage',
  'Deletes a retired or failed image with its files, or calls an installation off. Refused while clones of it live.',
);
