import { until } from '../../support/until.js';

/** Whatever has an API: a server that runs here or in a container. */
export interface Api {
  url: string;
}

export interface Answer<T> {
  status: number;
  data?: T | null;
  errors?: { message: string; extensions?: Record<string, unknown> }[];
}

export interface Image {
  id: string;
  imageId: string;
  status: string;
  phase: string | null;
  progress: number | null;
  message: string | null;
  reason: string | null;
  current: boolean;
}

export interface Vm {
  id: string;
  instanceId: string;
  status: string;
  hotSpare: boolean;
  assignedTo: string | null;
  containerId: string | null;
  novncUrl: string | null;
  port: number | null;
  rdpPort: number | null;
  reason: string | null;
  goldenImage: { imageId: string } | null;
}

export interface Pool {
  hotSpares: number;
  blocked: string | null;
  counts: { live: number; readySpares: number };
}

export interface Refusal {
  __typename: string;
  code: string;
  message: string;
  fix: string;
}

const IMAGE = 'id imageId status phase progress message reason current';
const VM = 'id instanceId status hotSpare assignedTo containerId novncUrl port rdpPort reason goldenImage { imageId }';
const REFUSAL = '__typename ... on Refusal { code message fix }';
const REQUEST_LIMIT_MS = 30_000;

/** One operation over HTTP, whatever comes of it. */
export async function post<T>(
  { url }: Api,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer<T>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  return { status: response.status, ...((await response.json()) as Omit<Answer<T>, 'status'>) };
}

/** The data of an operation that must go well. */
export async function ask<T>(api: Api, query: string, variables?: Record<string, unknown>): Promise<T> {
  const { data, errors, status } = await post<T>(api, query, variables);
  if (errors || !data) throw new Error(`${status} ${JSON.stringify(errors)} for ${query}`);
  return data;
}

/** A mutation with one input object: its payload's `field`, or the refusal. */
async function mutate<T>(api: Api, name: string, field: string, input: Record<string, unknown>): Promise<T | Refusal> {
  const Name = `${name[0]?.toUpperCase()}${name.slice(1)}`;
  const query = `mutation($input: ${Name}Input!) { result: ${name}(input: $input) { ${REFUSAL} ... on ${Name}Payload { ${field} } } }`;
  const { result } = await ask<{ result: Record<string, T> & Refusal }>(api, query, { input });
  return result.__typename.endsWith('Payload') ? (result[field.split(' ')[0] ?? ''] as T) : result;
}

function taken<T extends object>(answer: T | Refusal): T {
  if ('code' in answer) throw new Error(`refused: ${answer.message}. ${answer.fix}`);
  return answer;
}

const SMALL = { vmType: '11', cpuCores: 1, ramMiB: 2048, diskGiB: 32 };

export const tryCreateImage = (api: Api, input: Record<string, unknown> = {}) =>
  mutate<Image>(api, 'createGoldenImage', `goldenImage { ${IMAGE} }`, { ...SMALL, ...input });
export const createImage = async (api: Api, input?: Record<string, unknown>) => taken(await tryCreateImage(api, input));

export const getImage = async (api: Api, id: string) =>
  (await ask<{ image: Image }>(api, `query($id: ID!) { image: goldenImage(id: $id) { ${IMAGE} } }`, { id })).image;

export const getVm = async (api: Api, id: string) =>
  (await ask<{ vm: Vm }>(api, `query($id: ID!) { vm(id: $id) { ${VM} } }`, { id })).vm;

/** VMs, oldest first, those that are gone too. */
export const listVms = async (api: Api, filter = '') =>
  (await ask<{ vms: { nodes: Vm[] } }>(api, `{ vms${filter} { nodes { ${VM} } } }`)).vms.nodes;

export const getPool = async (api: Api) =>
  (await ask<{ pool: Pool | null }>(api, '{ pool(vmType: "11") { hotSpares blocked counts { live readySpares } } }'))
    .pool;

export const setPool = async (api: Api, input: Record<string, unknown>) =>
  taken(await mutate<Pool>(api, 'setPool', 'pool { hotSpares }', { vmType: '11', ...input }));

export const assignVm = async (api: Api, input: Record<string, unknown>) =>
  taken(
    await mutate<{ status: string; vm: Vm | null }>(api, 'assignVm', `assignment { status vm { ${VM} } }`, {
      vmType: '11',
      ...input,
    }),
  );

export const releaseVm = async (api: Api, id: string) =>
  taken(await mutate<Vm>(api, 'releaseVm', 'vm { status }', { id }));

export const retireImage = async (api: Api, id: string) =>
  taken(await mutate<Image>(api, 'retireGoldenImage', `goldenImage { ${IMAGE} }`, { id }));
export const deleteImage = async (api: Api, id: string) =>
  taken(await mutate<Image>(api, 'deleteGoldenImage', `goldenImage { ${IMAGE} }`, { id }));

/** Waits until the image is sealed; a failure of it is the answer at once. */
export async function imageReady(api: Api, id: string, limitMs = 60_000): Promise<Image> {
  return until(
    `golden image ${id} is READY`,
    async () => {
      const image = await getImage(api, id);
      if (image.status === 'FAILED') throw new Error(`the golden image failed: ${image.reason}`);
      return image.status === 'READY' && image;
    },
    limitMs,
  );
}

/** Waits for this many spares that can be handed out. */
export async function sparesReady(api: Api, count: number, limitMs = 60_000): Promise<Vm[]> {
  await until(`${count} spares are ready`, async () => (await getPool(api))?.counts.readySpares === count, limitMs);
  return listVms(api, '(status: READY, hotSpare: true)');
}

export async function goneVm(api: Api, id: string, limitMs = 60_000): Promise<void> {
  await until(`VM ${id} is DESTROYED`, async () => (await getVm(api, id)).status === 'DESTROYED', limitMs);
}

export interface Health {
  status: string;
  [part: string]: unknown;
}

/** The health report with the HTTP status that came with it. */
export async function health({ url }: Api): Promise<{
  code: number;
  body: Health & Record<'database' | 'bus' | 'provisioner' | 'storage' | 'guests', { status: string; message: string }>;
}> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
  return { code: response.status, body: (await response.json()) as never };
}
