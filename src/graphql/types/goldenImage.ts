import { VM_TYPE_DESCRIPTION } from '../../actions/fields.js';
import {
  deleteGoldenImage,
  markGoldenImageReady,
  promoteGoldenImage,
  retireGoldenImage,
} from '../../actions/image/changeGoldenImage.js';
import { createGoldenImage } from '../../actions/image/createGoldenImage.js';
import type { GoldenImage as GoldenImageRow } from '../../db/images.js';
import { urlOf } from '../../domain/endpoints.js';
import { type ImageAction, type ImageStatus, imageActions, type InstallPhase as Phase } from '../../domain/image.js';
import { maskUrls } from '../../primitives/maskUrls.js';
import { ID_DESCRIPTION, idArg, lineArg, vmTypeArg } from '../args.js';
import { builder } from '../builder.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, pageByCreation, pageComplexity } from '../page.js';
import { mutation } from '../verbs.js';
import { CREATED_BY, Principal, principalOf } from './principal.js';

export const GoldenImageStatus = builder.enumType('GoldenImageStatus', {
  description: 'Where a golden image is in its life.',
  values: {
    REQUESTED: { description: 'Asked for; its container is about to be made.' },
    INSTALLING: { description: 'Windows is being installed: see phase, progress and message.' },
    SEALING: { description: 'Being shut down, checked and made read-only.' },
    READY: { description: 'VMs can be cloned from it.' },
    RETIRED: { description: 'Out of use: no new clones. VMs that run on it keep running.' },
    DELETED: { description: 'Gone, with its files.' },
    FAILED: { description: 'Did not become ready, or broke; `reason` says why.' },
  } satisfies Record<ImageStatus, { description: string }>,
});

const InstallPhase = builder.enumType('InstallPhase', {
  description: 'What an installation is doing.',
  values: {
    PULLING: { description: 'Fetching the container image that installs Windows.' },
    DOWNLOADING: { description: 'Fetching the Windows medium.' },
    EXTRACTING: { description: 'Unpacking the medium.' },
    BUILDING: { description: 'Writing the medium with the answer file and drivers.' },
    SETUP: { description: 'Windows setup runs.' },
    CONFIGURING: { description: 'Windows is up and our own scripts run.' },
  } satisfies Record<Phase, { description: string }>,
});

const GoldenImageAction = builder.enumType('GoldenImageAction', {
  description: 'What may be asked of a golden image now.',
  values: {
    MARK_READY: { description: 'Say that Windows is installed: markGoldenImageReady.' },
    PROMOTE: { description: 'Make it the one for new spares: promoteGoldenImage.' },
    RETIRE: { description: 'Take it out of use: retireGoldenImage.' },
    DELETE: { description: 'Delete it: deleteGoldenImage. Refused all the same while clones of it live.' },
  } satisfies Record<ImageAction, { description: string }>,
});

export const GoldenImage = builder.node(builder.objectRef<GoldenImageRow>('GoldenImage'), {
  description: 'Windows, installed once and sealed: what VMs are cloned from.',
  id: { resolve: ({ id }) => id },
  loadMany: (ids, { load }) => ids.map((id) => load.goldenImage(id)),
  fields: (t) => ({
    imageId: t.exposeString('id', { description: 'The bare UUID: the `golden_id` of REST.' }),
    vmType: t.exposeString('vmType', { description: 'Windows version.' }),
    version: t.exposeInt('version', { description: 'Counts the golden images of its vmType, from 1.' }),
    name: t.exposeString('name', { description: 'Name for people.' }),
    status: t.expose('status', { type: GoldenImageStatus, description: 'Where it is in its life.' }),
    current: t.exposeBoolean('current', {
      description: 'Whether new spares are cloned from it; one per line is current.',
    }),
    phase: t.expose('phase', { type: InstallPhase, nullable: true, description: 'What the installation is doing.' }),
    progress: t.exposeFloat('progress', {
      nullable: true,
      description:
        'How far the whole installation is, 0 to 1: all phases together, by what they usually take. Never goes back; 1 when it is READY. Null before it begins.',
    }),
    message: t.exposeString('message', {
      nullable: true,
      description: "The installation's own words, with the share of the phase where it names one.",
    }),
    stuck: t.exposeString('stuck', {
      nullable: true,
      description:
        'Why it seems to stand still: the phase, for how long, what to look at, and how its logs end. Null while it moves.',
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its container was started.',
    }),
    installedAt: t.expose('installedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the guest, or a caller, said that all is installed.',
    }),
    estimatedReadyAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When it may be READY, by earlier installations of its line, or, where there was none, of its vmType; later when this one is slower. Null where there was none, and when it is not being installed.',
      resolve: ({ id, status }, _args, { load }) =>
        status === 'INSTALLING' || status === 'SEALING' ? load.estimatedReadyAt(id) : null,
    }),
    problem: t.exposeString('problem', {
      nullable: true,
      description: 'Why no VM can be made of it although it is READY: its files are missing or were changed.',
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why it failed, and how its logs end.' }),
    cpuCores: t.exposeInt('cpuCores', {
      description: 'Virtual processors, of the installation and, unless the pool says otherwise, of its VMs.',
    }),
    ramMiB: t.exposeInt('ramMiB', {
      description: 'Memory in MiB, of the installation and, unless the pool says otherwise, of its VMs.',
    }),
    diskGiB: t.exposeInt('diskGiB', { description: 'Size of the disk as Windows sees it, in GiB.' }),
    language: t.exposeString('language', { description: 'Language of Windows, as it was asked for.' }),
    oemBundle: t.exposeString('oemBundle', {
      nullable: true,
      description: 'The bundle of own files that it was installed with.',
    }),
    isoUrl: t.string({
      nullable: true,
      description: 'Own installation medium; what may be a secret in the URL is shown as ***.',
      resolve: ({ isoUrl }) => (isoUrl === null ? null : maskUrls(isoUrl)),
    }),
    containerImage: t.exposeString('containerImage', {
      nullable: true,
      description: 'Reference of the container image that installed it; its VMs run the same.',
    }),
    containerId: t.exposeString('engineId', {
      nullable: true,
      description: "The engine's id of the container that installs it.",
    }),
    port: t.int({
      nullable: true,
      description: 'Web port (noVNC) on the host while it installs.',
      resolve: ({ endpoint }, _args, { endpointsOf }) => endpointsOf(endpoint)?.screen.port ?? null,
    }),
    rdpPort: t.int({
      nullable: true,
      description: 'RDP port on the host while it installs: the web port + 1000.',
      resolve: ({ endpoint }, _args, { endpointsOf }) => endpointsOf(endpoint)?.rdp.port ?? null,
    }),
    novncUrl: t.string({
      nullable: true,
      description: 'The installation in a browser, while it runs.',
      resolve: ({ endpoint }, _args, { endpointsOf }) => {
        const there = endpointsOf(endpoint);
        return there ? urlOf(there.screen) : null;
      },
    }),
    sizeBytes: t.expose('sizeBytes', {
      type: 'ByteCount',
      nullable: true,
      description: 'Bytes that its sealed disk takes.',
    }),
    sha256: t.exposeString('sha256', { nullable: true, description: 'SHA-256 of its sealed disk, in hexadecimal.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    createdBy: t.field({
      type: Principal,
      nullable: true,
      description: CREATED_BY,
      resolve: principalOf,
    }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When its status last changed.' }),
    readyAt: t.expose('readyAt', { type: 'DateTime', nullable: true, description: 'When it was sealed.' }),
    cleanedAt: t.expose('cleanedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its container and, where it is not kept, its disk were seen to be gone.',
    }),
    allowedActions: t.field({
      type: [GoldenImageAction],
      description: 'What may be asked of it now. Offer these and no others.',
      resolve: (image) => imageActions(image.status, image.current),
    }),
  }),
});

export const GoldenImageConnection = builder.connectionObject(
  { type: GoldenImage, name: 'GoldenImageConnection' },
  { name: 'GoldenImageEdge' },
);

builder.queryFields((t) => ({
  goldenImage: t.field({
    type: GoldenImage,
    nullable: true,
    description: 'One golden image, or null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    resolve: (_root, { id }, { load }) => load.goldenImage(idArg('GoldenImage', 'id', id)),
  }),
  goldenImages: t.field({
    type: GoldenImageConnection,
    description: 'Golden images, oldest first, deleted ones too. Everything that is given must hold.',
    args: {
      line: t.arg.string({ description: 'Only versions of the line of this name.' }),
      vmType: t.arg.string({ description: VM_TYPE_DESCRIPTION }),
      status: t.arg({ type: GoldenImageStatus, description: 'Only images in this status.' }),
      first: t.arg.int({ description: FIRST_DESCRIPTION }),
      after: t.arg.string({ description: AFTER_DESCRIPTION }),
    },
    complexity: pageComplexity,
    resolve: async (_root, { status, ...args }, { read }) => {
      const vmType = vmTypeArg(args.vmType);
      const lineId = args.line == null ? undefined : (await lineArg(read, args.line)).id;
      const filter = {
        ...(lineId !== undefined && { lineId }),
        ...(status != null && { status }),
        ...(vmType !== undefined && { vmType }),
      };
      return pageByCreation(args, ({ where, ...slice }) =>
        read((db) => db.goldenImage.findMany({ where: { ...filter, ...where }, ...slice })),
      );
    },
  }),
}));

mutation(createGoldenImage, {
  payload: 'The golden image was asked for.',
  fields: (t) => ({
    goldenImage: t.field({
      type: GoldenImage,
      description: 'The new golden image, REQUESTED.',
      resolve: (image) => image,
    }),
  }),
});

for (const change of [markGoldenImageReady, promoteGoldenImage, retireGoldenImage, deleteGoldenImage])
  mutation(change, {
    payload: 'It was done, or had been before.',
    fields: (t) => ({
      goldenImage: t.field({
        type: GoldenImage,
        description: 'The golden image as it is now.',
        resolve: (image) => image,
      }),
    }),
  });
