/** Golden images in the prototype's words. */
import { z } from '@hono/zod-openapi';
import type { GoldenImage as Row } from '../../db/images.js';
import type { EndpointsOf } from '../../domain/endpoints.js';
import { type ImageStatus, INSTALL_PHASES } from '../../domain/image.js';
import { addressesOf } from '../addressesOf.js';
import { Time } from '../parameters.js';

export const IMAGE_WORDS = ['creating', 'sealing', 'ready', 'retired', 'failed'] as const;

export const GoldenImage = z
  .object({
    golden_id: z.string(),
    vm_type: z.string(),
    line: z.string().openapi({ description: 'What it is a version of.' }),
    version: z.int(),
    name: z.string(),
    oem_bundle: z.string().nullable().openapi({ description: 'The own files that it was installed with.' }),
    status: z.enum(IMAGE_WORDS),
    current: z.boolean().openapi({ description: 'New VMs of the pools of its line are cloned from it.' }),
    phase: z.enum(INSTALL_PHASES).nullable(),
    progress: z.number().nullable().openapi({
      description:
        'How far the whole installation is, 0 to 1; never goes back; 1 when it is ready. Null before it begins.',
    }),
    message: z.string().nullable().openapi({
      description: "The installation's own words, with the share of the phase where it names one.",
    }),
    stuck: z.string().nullable().openapi({
      description: 'Why it seems to stand still, what to look at, and how its logs end; null while it moves.',
    }),
    estimated_ready_at: Time.nullable().openapi({
      description:
        'When it may be ready, by earlier installations of its line, or, where there was none, of its vm_type; null where there was none.',
    }),
    reason: z.string().nullable().openapi({ description: 'Why it failed.' }),
    problem: z.string().nullable().openapi({
      description: 'Why no VM can be made of it although it is ready: its files are missing or were changed.',
    }),
    novnc_url: z.string().nullable().openapi({ description: 'Where to watch the installation.' }),
    created_at: Time,
    ready_at: Time.nullable(),
  })
  .openapi('GoldenImage');

export function imageWord(status: ImageStatus): (typeof IMAGE_WORDS)[number] | undefined {
  switch (status) {
    case 'REQUESTED':
    case 'INSTALLING':
      return 'creating';
    case 'SEALING':
      return 'sealing';
    case 'READY':
      return 'ready';
    case 'RETIRED':
      return 'retired';
    case 'FAILED':
      return 'failed';
    case 'DELETED':
      return undefined;
    default:
      return status satisfies never;
  }
}

export function imageView(image: Row & { line: { name: string } }, endpointsOf: EndpointsOf, estimatedReadyAt?: Date) {
  const status = imageWord(image.status);
  if (status === undefined) return undefined;
  return {
    golden_id: image.id,
    vm_type: image.vmType,
    line: image.line.name,
    version: image.version,
    name: image.name,
    oem_bundle: image.oemBundle,
    status,
    current: image.current,
    phase: image.phase,
    progress: image.progress,
    message: image.message,
    stuck: image.stuck,
    estimated_ready_at: estimatedReadyAt?.toISOString() ?? null,
    reason: image.reason,
    problem: image.problem,
    novnc_url: addressesOf(image, endpointsOf).novnc_url,
    created_at: image.createdAt.toISOString(),
    ready_at: image.readyAt?.toISOString() ?? null,
  };
}
